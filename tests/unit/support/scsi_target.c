/* SPDX-License-Identifier: BSD-2-Clause */
/* The disks behind a virtio SCSI host that tests play (scsi_target.h). */
#include "tests/unit/support/scsi_target.h"

#include <stdlib.h>
#include <string.h>

/* The data parts of one command, one after the other. */
struct parts {
    const struct device_queue *queue;
    uint16_t head;
    bool in; /* to the driver */
    uint32_t bytes;
};

static struct virtio_scsi_response *response_find(const struct device_queue *queue, uint16_t head)
{
    for (unsigned n = 1;; n++) {
        struct virtq_desc *desc = device_desc(queue, head, n);

        if (!desc)
            abort();
        if (desc->flags & VIRTQ_DESC_WRITE)
            return device_buffer(queue, head, n);
    }
}

/* Copies between the command's data parts and `memory`; returns how much there was room for. */
static uint32_t data_move(const struct parts *parts, void *memory, uint32_t bytes)
{
    const void *response = response_find(parts->queue, parts->head);
    uint32_t moved = 0;

    for (unsigned n = 1; device_desc(parts->queue, parts->head, n); n++) {
        struct virtq_desc *desc = device_desc(parts->queue, parts->head, n);
        void *buffer = device_buffer(parts->queue, parts->head, n);
        uint32_t step = desc->bytes < bytes - moved ? desc->bytes : bytes - moved;

        if (buffer == response || ((desc->flags & VIRTQ_DESC_WRITE) != 0) != parts->in)
            continue;
        if (memory && parts->in)
            memcpy(buffer, (uint8_t *)memory + moved, step);
        else if (memory)
            memcpy((uint8_t *)memory + moved, buffer, step);
        moved += step;
    }
    return moved;
}

static uint32_t data_room(const struct parts *parts)
{
    return data_move(parts, NULL, UINT32_MAX);
}

static struct scsi_target_disk *disk_find(struct scsi_target *target,
                                          const struct virtio_scsi_header *header, bool any_lun)
{
    unsigned lun = (unsigned)(header->lun[2] & 0x3f) << 8 | header->lun[3];

    for (unsigned i = 0; i < SCSI_TARGET_DISKS; i++) {
        struct scsi_target_disk *disk = &target->disks[i];

        if (disk->present && header->lun[0] == 1 && disk->target == header->lun[1] &&
            (any_lun || disk->lun == lun))
            return disk;
    }
    return NULL;
}

void scsi_sense_set(struct virtio_scsi_response *response, unsigned key, unsigned code,
                    bool descriptors)
{
    memset(response->sense, 0, sizeof(response->sense));
    response->status = SCSI_CHECK_CONDITION;
    response->sense_bytes = 18;
    response->sense[0] = descriptors ? 0x72 : 0x70;
    response->sense[descriptors ? 1 : 2] = (uint8_t)key;
    scsi_put(response->sense + (descriptors ? 2 : 12), 2, code);
}

static uint32_t luns_list(struct scsi_target *target, unsigned number, uint8_t *page)
{
    uint32_t bytes = 8;

    for (unsigned i = 0; i < SCSI_TARGET_DISKS; i++) {
        if (!target->disks[i].present || target->disks[i].target != number)
            continue;
        scsi_put(page + bytes, 2, target->disks[i].lun);
        bytes += 8;
    }
    scsi_put(page, 4, bytes - 8u);
    return bytes;
}

static uint32_t page_fill(const struct scsi_target_disk *disk, const uint8_t *cdb, uint8_t *page)
{
    if (!(cdb[1] & 1)) {
        page[0] = disk->type;
        return 36;
    }
    page[1] = cdb[2];
    switch (cdb[2]) {
    case SCSI_PAGE_SUPPORTED:
        scsi_put(page + 2, 2, 3);
        page[5] = SCSI_PAGE_BLOCK_LIMITS;
        page[6] = SCSI_PAGE_PROVISIONING;
        return 7;
    case SCSI_PAGE_BLOCK_LIMITS:
        scsi_put(page + 2, 2, 0x3c);
        scsi_put(page + 8, 4, disk->transfer_blocks_max);
        scsi_put(page + 20, 4, disk->unmap_blocks_max);
        scsi_put(page + 24, 4, disk->unmap_ranges_max);
        return 64;
    default:
        scsi_put(page + 2, 2, 4);
        page[5] = disk->unmaps ? 0x80 : 0;
        return 8;
    }
}

static uint32_t capacity_fill(const struct scsi_target_disk *disk, bool wide, uint8_t *page)
{
    if (wide) {
        scsi_put(page, 8, disk->blocks - 1u);
        scsi_put(page + 8, 4, disk->block_bytes);
        page[14] = disk->unmaps ? 0x80 : 0;
        return 32;
    }
    scsi_put(page, 4, disk->blocks - 1u);
    scsi_put(page + 4, 4, disk->block_bytes);
    return 8;
}

static void transfer(struct scsi_target_disk *disk, const struct parts *parts, uint64_t block,
                     uint32_t count, struct virtio_scsi_response *response)
{
    uint64_t at = block * disk->block_bytes;
    uint32_t bytes = count * disk->block_bytes;

    if (block + count > disk->blocks) {
        scsi_sense_set(response, SCSI_ILLEGAL_REQUEST, SCSI_ASC_BEYOND_END, false);
        return;
    }
    response->residual_bytes = bytes -
                               data_move(parts,
                                         at + bytes <= SCSI_TARGET_DATA ? disk->data + at : NULL,
                                         bytes);
}

static void unmap(struct scsi_target_disk *disk, const struct parts *parts)
{
    uint8_t list[24] = {0};

    if (data_move(parts, list, sizeof(list)) != 24 || scsi_get(list, 2) != 22 ||
        scsi_get(list + 2, 2) != 16)
        abort();
    disk->unmapped_first = scsi_get(list + 8, 8);
    disk->unmapped_blocks = scsi_get(list + 16, 4);
}

/* Carries out a command whose answer is data; false: it is none of these. */
static bool page_answer(struct scsi_target *target, struct scsi_target_disk *disk,
                        const struct virtio_scsi_header *header, const struct parts *parts,
                        struct virtio_scsi_response *response)
{
    uint8_t page[512] = {0};
    uint32_t bytes;

    switch (header->cdb[0]) {
    case SCSI_REPORT_LUNS:
        bytes = luns_list(target, header->lun[1], page);
        break;
    case SCSI_INQUIRY:
        bytes = page_fill(disk, header->cdb, page);
        break;
    case SCSI_MODE_SENSE_6:
        page[2] = disk->write_protected ? 0x80 : 0;
        bytes = disk->no_mode_sense ? 0 : 4;
        break;
    case SCSI_READ_CAPACITY_10:
    case SCSI_SERVICE_ACTION_IN_16:
        bytes = capacity_fill(disk, header->cdb[0] == SCSI_SERVICE_ACTION_IN_16, page);
        if (header->cdb[0] == SCSI_SERVICE_ACTION_IN_16 && disk->no_capacity_16)
            bytes = 0;
        break;
    default:
        return false;
    }
    if (bytes == 0)
        scsi_sense_set(response, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_OPCODE, false);
    else
        response->residual_bytes = data_room(parts) - data_move(parts, page, bytes);
    return true;
}

static void command_answer(struct scsi_target *target, struct scsi_target_disk *disk,
                           const struct virtio_scsi_header *header, struct parts *parts,
                           struct virtio_scsi_response *response)
{
    const uint8_t *cdb = header->cdb;

    parts->in = cdb[0] != SCSI_WRITE_10 && cdb[0] != SCSI_WRITE_16 && cdb[0] != SCSI_UNMAP;
    if (page_answer(target, disk, header, parts, response))
        return;
    switch (cdb[0]) {
    case SCSI_READ_10:
    case SCSI_WRITE_10:
        transfer(disk, parts, scsi_get(cdb + 2, 4), (uint32_t)scsi_get(cdb + 7, 2), response);
        return;
    case SCSI_READ_16:
    case SCSI_WRITE_16:
        transfer(disk, parts, scsi_get(cdb + 2, 8), (uint32_t)scsi_get(cdb + 10, 4), response);
        return;
    case SCSI_UNMAP:
        unmap(disk, parts);
        return;
    case SCSI_SYNCHRONIZE_CACHE_10:
        disk->flushes++;
        if (disk->no_cache)
            scsi_sense_set(response, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_OPCODE, true);
        return;
    default:
        scsi_sense_set(response, SCSI_ILLEGAL_REQUEST, SCSI_ASC_INVALID_OPCODE, false);
    }
}

static void answer(struct scsi_target *target, uint16_t head)
{
    struct device_queue *queue = &target->device.queues[VIRTIO_SCSI_REQUESTS];
    struct virtio_scsi_header *header = device_buffer(queue, head, 0);
    struct parts parts = {.queue = queue, .head = head};
    struct virtio_scsi_response response = {0};
    struct scsi_answer result = {
        .disk = disk_find(target, header, header->cdb[0] == SCSI_REPORT_LUNS),
        .cdb = header->cdb,
        .response = &response,
        .id = head,
    };

    if (device_desc(queue, head, 0)->bytes != sizeof(*header))
        abort();
    if (result.disk)
        command_answer(target, result.disk, header, &parts, &response);
    else
        response.response = VIRTIO_SCSI_S_BAD_TARGET;
    /* As QEMU counts: the data, whatever the direction, and the response. */
    result.used_bytes = sizeof(response) + data_room(&parts);
    target->commands++;
    if (header->cdb[0] == target->twist_code)
        target->repeats++;
    if (target->twist)
        target->twist(target, &result);
    if (response.response != UINT8_MAX) /* otherwise nothing is written */
        memcpy(response_find(queue, head), &response, sizeof(response));
    if (!result.keep)
        device_use(queue, result.id, result.used_bytes);
}

void scsi_target_work(struct scsi_target *target)
{
    struct device_queue *queue = &target->device.queues[VIRTIO_SCSI_REQUESTS];
    uint16_t head;

    while (!target->silent && device_next(queue, &head))
        answer(target, head);
    device_avail_event_set(queue, queue->avail_next); /* the next one is to be told */
}

static void on_notify(struct device *device, unsigned queue)
{
    if (queue == VIRTIO_SCSI_REQUESTS)
        scsi_target_work(device->context);
}

void scsi_target_open(struct scsi_target *target, uint64_t features, uint16_t queue_size)
{
    memset(target, 0, sizeof(*target));
    device_open(&target->device, PV_BLK, features, 3, queue_size);
    target->device.pv.family = PV_FAMILY_VIRTIO_SCSI;
    target->device.on_notify = on_notify;
    target->device.context = target;
    *(struct virtio_scsi_config *)(void *)target->device.config = (struct virtio_scsi_config){
        .num_queues = 1,
        .seg_max = 30,
        .max_sectors = 0xffff,
        .cmd_per_lun = 128,
        .event_info_size = 16,
        .sense_size = VIRTIO_SCSI_SENSE_BYTES,
        .cdb_size = VIRTIO_SCSI_CDB_BYTES,
        .max_target = 40,
        .max_lun = 16383,
    };
    target->disks[0] = (struct scsi_target_disk){
        .present = true, .blocks = 2048, .block_bytes = 512};
    target->disks[1] = (struct scsi_target_disk){
        .present = true, .target = 3, .blocks = 100, .block_bytes = 4096};
}

void scsi_target_close(struct scsi_target *target)
{
    device_close(&target->device);
}

void scsi_target_event(struct scsi_target *target, const struct scsi_target_disk *disk,
                       uint32_t event, uint32_t reason)
{
    struct device_queue *queue = &target->device.queues[VIRTIO_SCSI_EVENTS];
    struct virtio_scsi_event *buffer;
    uint16_t head;

    if (!device_next(queue, &head))
        abort();
    buffer = device_buffer(queue, head, 0);
    *buffer = (struct virtio_scsi_event){.event = event, .reason = reason};
    buffer->lun[0] = 1;
    buffer->lun[1] = (uint8_t)disk->target;
    scsi_put(buffer->lun + 2, 2, 0x4000u | disk->lun);
    device_use(queue, head, sizeof(*buffer));
}
