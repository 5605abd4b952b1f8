/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SCSI frontend's parts among each other (scsi*.c): a host with its queues, its disks, and
 * requests in flight. scsi.c is what the kernel calls; scsi_command.c carries requests to the device
 * and judges what comes back; scsi_disk.c finds the disks and asks them what they are.
 */
#ifndef VIRTIO_SCSI_HOST_H
#define VIRTIO_SCSI_HOST_H

#include "attach.h"
#include "pvabi/errno.h"
#include "pvabi/pv.h"
#include "scsi_wire.h"

#define SCSI_DISKS_MAX PV_DEVICES_MAX
#define SCSI_SEGMENTS_MAX 6u
#define SCSI_PROBES_MAX 16u   /* at once; their buffers, and one more for those that go alone */
#define SCSI_PROBE_BYTES 256u /* of a page or a list that a probe reads */
#define SCSI_UNMAP_BYTES 24u  /* a parameter list with one range (SBC-3, 5.28) */

struct scsi_host;

struct scsi_disk {
    struct pv_blk blk; /* first: what the kernel sees */
    struct scsi_host *host;
    uint8_t lun[8]; /* as requests name it (5.6.6.1) */
    bool stale;     /* its capacity has to be asked for again */
};

/* One command. The first part is shared with the device, which writes only `response`. */
struct scsi_request {
    struct virtio_scsi_response response;
    struct virtio_scsi_header header;
    uint8_t unmap[SCSI_UNMAP_BYTES];

    struct scsi_request *next; /* while free */
    struct scsi_disk *disk;    /* NULL: a probe */
    void *cookie;
    uint64_t since_ns; /* of its first repetition; 0: none yet */
    uint32_t data_bytes;
    int result;    /* of a probe that is `done` */
    uint8_t tries; /* repetitions because of what happened to the disk */
    uint8_t segment_count;
    bool to_device; /* the direction of the segments */
    bool flush;
    bool done;
    struct pv_segment segments[SCSI_SEGMENTS_MAX];
};

/* A completion that came while the frontend waited for a probe. */
struct scsi_done {
    void *cookie;
    int result;
};

struct scsi_host {
    const char *fault; /* NULL while in service */
    const struct virtio_transport *transport;
    struct virtqueue control, events, queue;
    struct virtio_scsi_config config;
    struct scsi_request *free;
    unsigned request_count;
    struct virtio_scsi_event *event_buffers;
    uint8_t (*probe_data)[SCSI_PROBE_BYTES];
    struct scsi_done *done; /* request_count of them, a ring */
    unsigned done_first, done_count;
    unsigned disk_count;
    struct scsi_disk disks[SCSI_DISKS_MAX];
};

/* ---- scsi_command.c ------------------------------------------------------------------------ */

/* Out of service, with all disks: tells the device and keeps the first reason. Returns -EIO. */
int scsi_fail(struct scsi_host *host, const char *reason);
/* One disk out of service. */
void scsi_disk_fail(struct scsi_disk *disk, const char *reason);

/* A request with an empty command for a logical unit; NULL when all are in flight. */
struct scsi_request *scsi_request_new(struct scsi_host *host, const uint8_t lun[8]);
/* Queues it; it belongs to the device until it comes back. 0, or what virtqueue_add returns: then
 * it is free again. */
int scsi_request_post(struct scsi_host *host, struct scsi_request *request);
void scsi_kick(struct scsi_host *host);
/* Takes one that came back: 1 with its result, 0 for none, -EIO. It is to be freed. What the disk
 * asked to repeat was queued again, and does not count. */
int scsi_request_take(struct scsi_host *host, struct scsi_request **request, int *result);
void scsi_request_free(struct scsi_host *host, struct scsi_request *request);

/* When a device that does not answer counts as lost. */
uint64_t scsi_deadline_ns(void);
/* Waits until the probes have come back. 0, or -EIO when the device is out of service. Their results
 * are in them, and they are to be freed. */
int scsi_wait(struct scsi_host *host, struct scsi_request *const probes[], unsigned count,
              uint64_t deadline_ns);

/* ---- scsi_disk.c --------------------------------------------------------------------------- */

/* Finds the disks. NULL, or what is wrong with the host. */
const char *scsi_disks_find(struct scsi_host *host);
/* Asks a disk again how large it is; takes it out of service when the answer is of no use. */
void scsi_disk_measure(struct scsi_disk *disk);

#endif
