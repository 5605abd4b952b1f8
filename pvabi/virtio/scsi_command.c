/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Carries SCSI commands to the device and judges what comes back (virtio 1.2, 5.6.6.1; SAM-5, 5.3;
 * SPC-4, 4.5): done, failed with an errno, to be repeated, or against the rules. Used by scsi.c and
 * scsi_disk.c.
 */
#include "arch/cpu.h"
#include "arch/pvclock.h"
#include "scsi_host.h"

#define PATIENCE_NS 20000000000ull
#define TRIES_MAX 8u
#define RESPONSE_UNWRITTEN 0xffu

enum verdict {
    VERDICT_DONE,
    VERDICT_REPEAT,  /* something happened to the disk, once */
    VERDICT_BUSY,    /* it will pass */
    VERDICT_REMOVED, /* nobody there any more */
    VERDICT_BROKEN,  /* against the rules */
};

uint64_t scsi_deadline_ns(void)
{
    return pvclock_read_ns(pv_clock) + PATIENCE_NS;
}

void scsi_disk_fail(struct scsi_disk *disk, const char *reason)
{
    if (!disk->blk.fault)
        disk->blk.fault = reason;
}

int scsi_fail(struct scsi_host *host, const char *reason)
{
    if (host->fault)
        return -EIO;
    host->fault = reason;
    virtqueue_fail(&host->control, reason);
    virtqueue_fail(&host->events, reason);
    virtqueue_fail(&host->queue, reason);
    host->transport->ops->fail(host->transport);
    for (unsigned i = 0; i < SCSI_DISKS_MAX; i++)
        scsi_disk_fail(&host->disks[i], reason);
    return -EIO;
}

struct scsi_request *scsi_request_new(struct scsi_host *host, const uint8_t lun[8])
{
    struct scsi_request *request = host->free;

    if (!request)
        return NULL;
    host->free = request->next;
    *request = (struct scsi_request){.header.id = (uintptr_t)request};
    __builtin_memcpy(request->header.lun, lun, sizeof(request->header.lun));
    return request;
}

void scsi_request_free(struct scsi_host *host, struct scsi_request *request)
{
    request->next = host->free;
    host->free = request;
}

static int request_add(struct scsi_host *host, struct scsi_request *request)
{
    struct virtqueue_buffer buffers[SCSI_SEGMENTS_MAX + 2u];
    unsigned count = 0, readable = 1;

    request->response.response = RESPONSE_UNWRITTEN;
    buffers[count++] = (struct virtqueue_buffer){&request->header, sizeof(request->header)};
    if (!request->to_device)
        buffers[count++] = (struct virtqueue_buffer){&request->response, sizeof(request->response)};
    for (unsigned i = 0; i < request->segment_count; i++)
        buffers[count++] = (struct virtqueue_buffer){request->segments[i].address,
                                                     request->segments[i].bytes};
    if (request->to_device) {
        readable = count;
        buffers[count++] = (struct virtqueue_buffer){&request->response, sizeof(request->response)};
    }
    return virtqueue_add(&host->queue, buffers, readable, count - readable, request);
}

int scsi_request_post(struct scsi_host *host, struct scsi_request *request)
{
    int result;

    for (unsigned i = 0; i < request->segment_count; i++)
        request->data_bytes += request->segments[i].bytes;
    result = request_add(host, request);
    if (result < 0)
        scsi_request_free(host, request);
    return result;
}

void scsi_kick(struct scsi_host *host)
{
    if (virtqueue_publish(&host->queue))
        host->transport->ops->notify(host->transport, VIRTIO_SCSI_REQUESTS);
}

/* Sense key in the high half, additional sense code and qualifier in the low one; 0 when there is no
 * sense data (SPC-4, 4.5.2 and 4.5.3). */
static uint32_t sense_of(const struct virtio_scsi_response *response)
{
    const uint8_t *sense = response->sense;
    uint32_t bytes = response->sense_bytes;
    unsigned form = bytes > 0 ? sense[0] & 0x7fu : 0;

    if ((form == 0x72u || form == 0x73u) && bytes >= 4u)
        return (sense[1] & 15u) << 16 | (uint32_t)scsi_get(sense + 2, 2);
    if ((form == 0x70u || form == 0x71u) && bytes >= 14u)
        return (sense[2] & 15u) << 16 | (uint32_t)scsi_get(sense + 12, 2);
    if ((form == 0x70u || form == 0x71u) && bytes >= 3u)
        return (sense[2] & 15u) << 16;
    return 0;
}

static enum verdict judge_sense(struct scsi_request *request, uint32_t sense, int *result)
{
    struct scsi_disk *disk = request->disk;
    uint32_t code = sense & UINT16_MAX;

    *result = -EIO;
    switch (sense >> 16) {
    case SCSI_RECOVERED_ERROR:
        *result = 0;
        return VERDICT_DONE;
    case SCSI_NOT_READY:
        return code == SCSI_ASC_BECOMING_READY ? VERDICT_BUSY : VERDICT_DONE;
    case SCSI_UNIT_ATTENTION:
        if (disk && code == SCSI_ASC_CAPACITY_CHANGED)
            disk->stale = true;
        return VERDICT_REPEAT;
    case SCSI_ABORTED_COMMAND:
        return VERDICT_REPEAT;
    case SCSI_DATA_PROTECT:
        *result = code == SCSI_ASC_NO_SPACE ? -ENOSPC : -EROFS;
        if (disk && code != SCSI_ASC_NO_SPACE)
            disk->blk.read_only = true;
        return VERDICT_DONE;
    case SCSI_ILLEGAL_REQUEST:
        if (code == SCSI_ASC_NO_SUCH_LUN)
            return VERDICT_REMOVED;
        if (code == SCSI_ASC_INVALID_OPCODE) /* without a cache nothing is to be flushed */
            *result = request->flush ? 0 : -EOPNOTSUPP;
        if (disk && code == SCSI_ASC_BEYOND_END)
            disk->stale = true;
        return VERDICT_DONE;
    default:
        return VERDICT_DONE;
    }
}

static enum verdict judge_status(struct scsi_request *request,
                                 const struct virtio_scsi_response *response, int *result)
{
    switch (response->status) {
    case SCSI_GOOD:
        request->data_bytes -= response->residual_bytes;
        *result = request->disk && response->residual_bytes > 0 ? -EIO : 0;
        return VERDICT_DONE;
    case SCSI_CHECK_CONDITION:
        return judge_sense(request, sense_of(response), result);
    case SCSI_STATUS_BUSY:
    case SCSI_TASK_SET_FULL:
        return VERDICT_BUSY;
    case SCSI_TASK_ABORTED:
        return VERDICT_REPEAT;
    default:
        return VERDICT_DONE;
    }
}

/* `response` is a copy. */
static enum verdict judge(struct scsi_request *request, const struct virtio_scsi_response *response,
                          int *result)
{
    *result = -EIO;
    switch (response->response) {
    case VIRTIO_SCSI_S_OK:
        if (response->sense_bytes > VIRTIO_SCSI_SENSE_BYTES ||
            response->residual_bytes > request->data_bytes)
            return VERDICT_BROKEN;
        return judge_status(request, response, result);
    case VIRTIO_SCSI_S_ABORTED:
    case VIRTIO_SCSI_S_RESET:
        return VERDICT_REPEAT;
    case VIRTIO_SCSI_S_BUSY:
        return VERDICT_BUSY;
    case VIRTIO_SCSI_S_BAD_TARGET:
    case VIRTIO_SCSI_S_INCORRECT_LUN:
        return VERDICT_REMOVED;
    case VIRTIO_SCSI_S_OVERRUN:
    case VIRTIO_SCSI_S_TRANSPORT_FAILURE:
    case VIRTIO_SCSI_S_TARGET_FAILURE:
    case VIRTIO_SCSI_S_NEXUS_FAILURE:
    case VIRTIO_SCSI_S_FAILURE:
        return VERDICT_DONE;
    default:
        return VERDICT_BROKEN;
    }
}

/* Queues a request again, unless it was tried often or long enough. */
static bool repeated(struct scsi_host *host, struct scsi_request *request, enum verdict verdict)
{
    uint64_t now_ns = pvclock_read_ns(pv_clock);

    if (verdict == VERDICT_REPEAT && ++request->tries > TRIES_MAX)
        return false;
    if (request->since_ns == 0)
        request->since_ns = now_ns;
    if (now_ns - request->since_ns > PATIENCE_NS || request_add(host, request) < 0)
        return false;
    scsi_kick(host);
    return true;
}

/* A copy that the device cannot change any more. */
static struct virtio_scsi_response response_of(const struct scsi_request *request)
{
    struct virtio_scsi_response copy = request->response;

    /* Compiler only: it must not read the original again in place of the copy. */
    __asm__ volatile("" : : : "memory");
    return copy;
}

/* One completion: 1 with the request's result, 0 when the request goes on, -EIO. */
static int request_finish(struct scsi_host *host, const struct virtqueue_used *used,
                          struct scsi_request *request, int *result)
{
    struct virtio_scsi_response response = response_of(request);
    enum verdict verdict = judge(request, &response, result);

    /* Some devices do not count what they write (0), others count what they read, too (virtqueue.h);
     * but nobody answers in fewer bytes than an answer has. */
    if (used->bytes > 0 && used->bytes < VIRTIO_SCSI_RESPONSE_BYTES_MIN)
        return scsi_fail(host, "response is too short");
    switch (verdict) {
    case VERDICT_BROKEN:
        return scsi_fail(host, response.response == RESPONSE_UNWRITTEN
                                   ? "request came back without a response"
                                   : "response makes no sense");
    case VERDICT_REPEAT:
    case VERDICT_BUSY:
        return repeated(host, request, verdict) ? 0 : 1;
    case VERDICT_REMOVED:
        *result = -ENODEV;
        if (request->disk) {
            *result = -EIO;
            scsi_disk_fail(request->disk, "it was removed");
        }
        return 1;
    default:
        return 1;
    }
}

int scsi_request_take(struct scsi_host *host, struct scsi_request **request, int *result)
{
    /* Bounded, so that a device that wants everything repeated gives others a turn. */
    for (unsigned i = 0; i < host->request_count; i++) {
        struct virtqueue_used used;
        int got = virtqueue_take(&host->queue, &used);

        if (got < 0)
            return scsi_fail(host, host->queue.fault);
        if (got == 0)
            return 0;
        *request = used.cookie;
        got = request_finish(host, &used, *request, result);
        if (got != 0)
            return got;
    }
    return 0;
}

/* The kernel's completions wait in a ring of their own while probes are under way. */
static void keep(struct scsi_host *host, struct scsi_request *request, int result)
{
    unsigned at = (host->done_first + host->done_count++) % host->request_count;

    host->done[at] = (struct scsi_done){request->cookie, result};
    scsi_request_free(host, request);
}

static bool all_done(struct scsi_request *const probes[], unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (!probes[i]->done)
            return false;
    return true;
}

int scsi_wait(struct scsi_host *host, struct scsi_request *const probes[], unsigned count,
              uint64_t deadline_ns)
{
    scsi_kick(host);
    while (!all_done(probes, count)) {
        struct scsi_request *request;
        int result, got = scsi_request_take(host, &request, &result);

        if (got < 0)
            return got;
        if (got == 0) {
            if (pvclock_read_ns(pv_clock) > deadline_ns)
                return scsi_fail(host, "it does not answer");
            arch_pause();
        } else if (request->disk) {
            keep(host, request, result);
        } else {
            request->result = result;
            request->done = true;
        }
    }
    return 0;
}
