/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the disks behind a SCSI host and asks them what they are: capacity, block size, write
 * protection, limits of a transfer, whether blocks can be given back (SPC-4, SBC-3). Every answer is
 * waited for, with a deadline. Used by scsi.c.
 */
#include "scsi_host.h"

#define TARGETS_MAX 256u
#define LUNS_MAX 16384u
#define BLOCK_BYTES_MAX 65536u
#define SECTORS_MAX 0x8000u /* 16 MiB in one request */
#define TYPE_DISK 0x00u     /* connected, direct access (SPC-4, 6.4.2) */

/* How a request names a logical unit (5.6.6.1). */
static void lun_name(uint8_t name[8], unsigned target, unsigned lun)
{
    scsi_put(name, 8, 0);
    name[0] = 1;
    name[1] = (uint8_t)target;
    scsi_put(name + 2, 2, 0x4000u | lun);
}

/* A probe: a command whose answer the frontend itself reads, into one of its buffers. */
struct probe {
    uint8_t code, service_action, page;
    uint8_t allocation_at, allocation_bytes; /* where the command says how long the buffer is */
};

static const struct probe probe_inquiry = {SCSI_INQUIRY, 0, 0, 3, 2};
static const struct probe probe_mode = {SCSI_MODE_SENSE_6, 0, SCSI_ALL_MODE_PAGES, 4, 1};
static const struct probe probe_capacity_10 = {.code = SCSI_READ_CAPACITY_10};
static const struct probe probe_capacity_16 = {SCSI_SERVICE_ACTION_IN_16, SCSI_READ_CAPACITY_16, 0,
                                               10, 4};
static const struct probe probe_luns = {SCSI_REPORT_LUNS, 0, 0, 6, 4};

static struct scsi_request *probe_post(struct scsi_host *host, const uint8_t lun[8],
                                       const struct probe *probe, unsigned buffer)
{
    struct scsi_request *request = scsi_request_new(host, lun);
    uint8_t *cdb;

    if (!request)
        return NULL;
    cdb = request->header.cdb;
    cdb[0] = probe->code;
    cdb[1] = probe->service_action; /* of an inquiry: 1 asks for a page */
    cdb[2] = probe->page;
    if (probe->allocation_bytes > 0)
        scsi_put(cdb + probe->allocation_at, probe->allocation_bytes, SCSI_PROBE_BYTES - 1u);
    __builtin_memset(host->probe_data[buffer], 0, SCSI_PROBE_BYTES);
    request->segments[0] = (struct pv_segment){host->probe_data[buffer], SCSI_PROBE_BYTES - 1u};
    if (probe->allocation_bytes == 0)
        request->segments[0].bytes = 8;
    request->segment_count = 1;
    return scsi_request_post(host, request) < 0 ? NULL : request;
}

/* The bytes of an answer, or an errno. */
static int probe_result(const struct scsi_request *probe)
{
    return probe->result == 0 ? (int)probe->data_bytes : probe->result;
}

/* Runs one probe. The bytes of its answer in `data`, -ENODEV when nobody is there, or another errno;
 * -EAGAIN when there was no room. */
static int probe_run(struct scsi_host *host, const uint8_t lun[8], const struct probe *probe,
                     uint8_t data[SCSI_PROBE_BYTES], uint64_t deadline_ns)
{
    struct scsi_request *request = probe_post(host, lun, probe, SCSI_PROBES_MAX);
    int result;

    if (!request)
        return host->fault ? -EIO : -EAGAIN;
    if (scsi_wait(host, &request, 1, deadline_ns) < 0)
        return -EIO;
    __builtin_memcpy(data, host->probe_data[SCSI_PROBES_MAX], SCSI_PROBE_BYTES);
    result = probe_result(request);
    scsi_request_free(host, request);
    return result;
}

static int page_read(struct scsi_disk *disk, uint8_t page, uint8_t data[SCSI_PROBE_BYTES],
                     uint64_t deadline_ns)
{
    struct probe probe = probe_inquiry;
    int got;

    probe.service_action = 1;
    probe.page = page;
    got = probe_run(disk->host, disk->lun, &probe, data, deadline_ns);
    if (got >= 4 && data[1] == page) /* 4 bytes and as many more as they say */
        return got < 4 + (int)scsi_get(data + 2, 2) ? got : 4 + (int)scsi_get(data + 2, 2);
    return got < 0 ? got : 0;
}

static uint32_t least(uint64_t a, uint32_t b)
{
    return a < b ? (uint32_t)a : b;
}

/* What the disk's pages say of transfers and of blocks that are given back (SBC-3, 6.6.4). */
static void limits_ask(struct scsi_disk *disk, bool provisioned, uint64_t deadline_ns)
{
    struct pv_blk *blk = &disk->blk;
    uint64_t block_sectors = blk->block_bytes / PV_SECTOR_BYTES;
    uint8_t pages[SCSI_PROBE_BYTES], data[SCSI_PROBE_BYTES];
    int count = page_read(disk, SCSI_PAGE_SUPPORTED, pages, deadline_ns);
    bool limits = false, unmaps = false;
    uint64_t unmap_sectors = 0;

    for (int i = 4; i < count; i++) {
        limits |= pages[i] == SCSI_PAGE_BLOCK_LIMITS;
        unmaps |= pages[i] == SCSI_PAGE_PROVISIONING;
    }
    if (limits && page_read(disk, SCSI_PAGE_BLOCK_LIMITS, data, deadline_ns) >= 12) {
        uint64_t most = scsi_get(data + 8, 4); /* blocks; beyond the answer there are zeros */

        if (most > 0)
            blk->sectors_max = least(most * block_sectors, blk->sectors_max);
        if (scsi_get(data + 24, 4) > 0) /* ranges in one command */
            unmap_sectors = scsi_get(data + 20, 4) * block_sectors;
    }
    unmaps = unmaps && provisioned && unmap_sectors > 0 && !blk->read_only &&
             page_read(disk, SCSI_PAGE_PROVISIONING, data, deadline_ns) >= 6 &&
             (data[5] & 0x80u) != 0;
    if (unmaps) {
        blk->can_discard = true;
        blk->sectors_max = least(unmap_sectors, blk->sectors_max);
    }
}

/* Capacity and block size (SBC-3, 5.15 and 5.16). NULL, or what is wrong with them. */
static const char *capacity_ask(struct scsi_disk *disk, uint64_t *sectors, uint32_t *block_bytes,
                                bool *provisioned, uint64_t deadline_ns)
{
    uint8_t data[SCSI_PROBE_BYTES];
    uint64_t last;
    int got = probe_run(disk->host, disk->lun, &probe_capacity_16, data, deadline_ns);

    if (got >= 12) {
        last = scsi_get(data, 8);
        *block_bytes = (uint32_t)scsi_get(data + 8, 4);
        *provisioned = got >= 15 && (data[14] & 0x80u) != 0;
    } else {
        got = probe_run(disk->host, disk->lun, &probe_capacity_10, data, deadline_ns);
        if (got < 8)
            return got == -ENODEV ? "it was removed" : "it does not tell its capacity";
        last = scsi_get(data, 4);
        *block_bytes = (uint32_t)scsi_get(data + 4, 4);
        *provisioned = false;
    }
    if (*block_bytes < PV_SECTOR_BYTES || *block_bytes > BLOCK_BYTES_MAX ||
        (*block_bytes & (*block_bytes - 1u)) != 0)
        return "block size is no power of two from 512 to 65536";
    if (last >= UINT64_MAX / *block_bytes)
        return "capacity is too large";
    *sectors = (last + 1u) * (*block_bytes / PV_SECTOR_BYTES);
    return NULL;
}

/* Fills in what the kernel sees of a disk. NULL, or what is wrong with it. */
static const char *disk_ask(struct scsi_disk *disk, uint64_t deadline_ns)
{
    const struct scsi_host *host = disk->host;
    struct pv_blk *blk = &disk->blk;
    uint8_t data[SCSI_PROBE_BYTES];
    bool provisioned = false;
    const char *wrong = capacity_ask(disk, &blk->sector_count, &blk->block_bytes, &provisioned,
                                     deadline_ns);

    if (wrong)
        return wrong;
    if (probe_run(disk->host, disk->lun, &probe_mode, data, deadline_ns) >= 4)
        blk->read_only = (data[2] & 0x80u) != 0; /* SBC-3, 6.5.1: WP */
    blk->can_flush = true;
    blk->sectors_max = SECTORS_MAX;
    if (host->config.max_sectors > 0)
        blk->sectors_max = least(host->config.max_sectors, SECTORS_MAX);
    limits_ask(disk, provisioned, deadline_ns);
    blk->sectors_max -= blk->sectors_max % (blk->block_bytes / PV_SECTOR_BYTES);
    return blk->sectors_max == 0 ? "a transfer holds less than a block" : NULL;
}

void scsi_disk_measure(struct scsi_disk *disk)
{
    uint64_t sectors = 0;
    uint32_t block_bytes = 0;
    bool provisioned;
    const char *wrong;

    if (!disk->host->free) /* another time */
        return;
    disk->stale = false;
    wrong = capacity_ask(disk, &sectors, &block_bytes, &provisioned, scsi_deadline_ns());
    if (!wrong && block_bytes != disk->blk.block_bytes)
        wrong = "its block size has changed";
    if (wrong)
        scsi_disk_fail(disk, wrong);
    else
        disk->blk.sector_count = sectors;
}

/* Takes in a logical unit if it is a disk. */
static void unit_look(struct scsi_host *host, unsigned target, unsigned lun, uint64_t deadline_ns)
{
    uint8_t data[SCSI_PROBE_BYTES], name[8];
    struct scsi_disk *disk;
    const char *wrong;

    lun_name(name, target, lun);
    if (host->disk_count == SCSI_DISKS_MAX ||
        probe_run(host, name, &probe_inquiry, data, deadline_ns) < 1 || data[0] != TYPE_DISK)
        return;
    disk = &host->disks[host->disk_count++];
    disk->host = host;
    __builtin_memcpy(disk->lun, name, sizeof(name));
    wrong = disk_ask(disk, deadline_ns);
    if (wrong)
        scsi_disk_fail(disk, wrong);
}

/* The logical units that a target's answer lists (SPC-4, 6.33); without a list unit 0. */
static void target_look(struct scsi_host *host, unsigned target, const uint8_t list[],
                        unsigned list_bytes, uint64_t deadline_ns)
{
    uint64_t bytes = list_bytes >= 8u ? 8u + scsi_get(list, 4) : 0;

    if (bytes == 0)
        unit_look(host, target, 0, deadline_ns);
    for (unsigned at = 8; at + 8u <= list_bytes && at + 8u <= bytes; at += 8u) {
        unsigned lun = (unsigned)scsi_get(list + at, 2);

        if (lun >> 14 == 1u || lun < 256u) /* flat or peripheral addressing (SAM-5, 4.7.7) */
            unit_look(host, target, lun % LUNS_MAX, deadline_ns);
    }
}

/* Asks a batch of targets at once: most do not exist, and each notification costs. */
static unsigned targets_ask(struct scsi_host *host, unsigned first, unsigned end,
                            uint64_t deadline_ns)
{
    struct scsi_request *probes[SCSI_PROBES_MAX];
    int results[SCSI_PROBES_MAX];
    unsigned count = 0;

    for (; count < SCSI_PROBES_MAX && first + count < end; count++) {
        uint8_t name[8];

        lun_name(name, first + count, 0);
        probes[count] = probe_post(host, name, &probe_luns, count);
        if (!probes[count])
            break;
    }
    if (count == 0 || scsi_wait(host, probes, count, deadline_ns) < 0)
        return 0;
    for (unsigned i = 0; i < count; i++) {
        results[i] = probe_result(probes[i]);
        scsi_request_free(host, probes[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        uint8_t list[SCSI_PROBE_BYTES];

        __builtin_memcpy(list, host->probe_data[i], SCSI_PROBE_BYTES);
        if (results[i] != -ENODEV)
            target_look(host, first + i, list, results[i] < 0 ? 0 : (unsigned)results[i],
                        deadline_ns);
    }
    return count;
}

const char *scsi_disks_find(struct scsi_host *host)
{
    uint64_t deadline_ns = scsi_deadline_ns();
    unsigned target = 0, end = host->config.max_target + 1u, asked;

    if (end > TARGETS_MAX)
        end = TARGETS_MAX;
    for (; target < end && !host->fault; target += asked) {
        asked = targets_ask(host, target, end, deadline_ns);
        if (asked == 0)
            break;
    }
    return host->fault;
}
