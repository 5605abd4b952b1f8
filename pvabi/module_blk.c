/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block frontend of modules (module_blk.h): a request is a copy, done when it is submitted and
 * taken back in the same order. Nothing here can fail once it is attached.
 */
#include "module_blk.h"

#include "pvabi/errno.h"

#define REQUESTS_MAX 16u
#define SECTORS_MAX 2048u

struct disk {
    struct pv_blk blk; /* first: what the kernel sees */
    const struct module_blk *module;
    void *done[REQUESTS_MAX];  /* cookies */
    unsigned submitted, taken; /* count up; their difference is at most REQUESTS_MAX */
};

static struct disk *disk_of(struct pv_blk *blk)
{
    return (struct disk *)(void *)blk;
}

static size_t module_memory_bytes(const struct pv_device *device)
{
    (void)device;
    return (sizeof(struct disk) + 4095u) & ~(size_t)4095u;
}

static int module_attach(const struct pv_device *device, void *memory, struct pv_blk **blk)
{
    const struct module_blk *module = device->transport;
    struct disk *disk = memory;

    disk->module = module;
    disk->blk = (struct pv_blk){
        .event = module->event,
        .sector_count = (module->bytes + PV_SECTOR_BYTES - 1) / PV_SECTOR_BYTES,
        .read_only = true,
        .segments_max = 1,
        .sectors_max = SECTORS_MAX,
        .block_bytes = PV_SECTOR_BYTES,
        .requests_max = REQUESTS_MAX,
    };
    *blk = &disk->blk;
    return 0;
}

/* Copies what the module has of these bytes; zeros follow its end. */
static void module_copy(const struct module_blk *module, uint64_t at,
                        const struct pv_segment *segment)
{
    uint64_t left = at < module->bytes ? module->bytes - at : 0;
    size_t bytes = segment->bytes < left ? segment->bytes : (size_t)left;

    __builtin_memcpy(segment->address, (const char *)module->data + at, bytes);
    __builtin_memset((char *)segment->address + bytes, 0, segment->bytes - bytes);
}

static int module_submit(struct pv_blk *blk, const struct pv_blk_request *request)
{
    struct disk *disk = disk_of(blk);
    uint64_t at = request->sector * PV_SECTOR_BYTES;

    if (disk->submitted - disk->taken == REQUESTS_MAX)
        return -EAGAIN;
    if (request->operation != PV_BLK_READ || request->sector >= blk->sector_count ||
        request->segment_count != 1 ||
        request->segments->bytes / PV_SECTOR_BYTES > blk->sector_count - request->sector)
        return -EINVAL;
    module_copy(disk->module, at, request->segments);
    disk->done[disk->submitted++ % REQUESTS_MAX] = request->cookie;
    return 0;
}

static void module_kick(struct pv_blk *blk)
{
    (void)blk;
}

static int module_take(struct pv_blk *blk, void **cookie, int *result)
{
    struct disk *disk = disk_of(blk);

    if (disk->taken == disk->submitted)
        return 0;
    *cookie = disk->done[disk->taken++ % REQUESTS_MAX];
    *result = 0;
    return 1;
}

static bool module_ask(struct pv_blk *blk)
{
    return disk_of(blk)->taken != disk_of(blk)->submitted;
}

static void module_refresh(struct pv_blk *blk)
{
    (void)blk;
}

const struct pv_blk_ops module_blk_ops = {
    .memory_bytes = module_memory_bytes,
    .attach = module_attach,
    .submit = module_submit,
    .kick = module_kick,
    .take = module_take,
    .ask = module_ask,
    .refresh = module_refresh,
};
