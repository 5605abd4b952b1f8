/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks behind a virtio SCSI host that tests play (device.h), honest by themselves; what a test sets
 * in `twist` makes them as hostile as it likes. They answer within the notification.
 */
#ifndef TESTS_SCSI_TARGET_H
#define TESTS_SCSI_TARGET_H

#include "pvabi/virtio/scsi_wire.h"
#include "tests/unit/support/device.h"

#define SCSI_TARGET_DISKS 4u
#define SCSI_TARGET_DATA 65536u

struct scsi_target_disk {
    bool present;
    uint8_t type; /* of the peripheral: 0 is a disk */
    unsigned target, lun;
    uint64_t blocks;
    uint32_t block_bytes;
    bool write_protected;
    bool no_capacity_16, no_mode_sense, no_cache;
    uint32_t transfer_blocks_max;                /* block limits page; 0: not told */
    uint32_t unmap_blocks_max, unmap_ranges_max; /* of the same page */
    bool unmaps;                                 /* provisioning page */
    uint8_t data[SCSI_TARGET_DATA];              /* the first bytes of the disk */
    unsigned flushes;
    uint64_t unmapped_first, unmapped_blocks;
};

/* What becomes of one command; a test changes it before it goes back. */
struct scsi_answer {
    struct scsi_target_disk *disk; /* NULL: nobody there */
    const uint8_t *cdb;
    struct virtio_scsi_response *response;
    uint32_t id, used_bytes;
    bool keep; /* do not give it back */
};

struct scsi_target {
    struct device device;
    struct scsi_target_disk disks[SCSI_TARGET_DISKS];
    void (*twist)(struct scsi_target *target, struct scsi_answer *answer);
    unsigned commands;  /* answered so far */
    unsigned twists;    /* for twist: how often still */
    unsigned repeats;   /* the operation code was seen so often (twist_code) */
    uint8_t twist_code; /* the operation code that twist changes */
    bool silent;        /* nothing is answered */
};

/* A host with two disks: target 0 of 2048 sectors, target 3 of 4096-byte blocks. */
void scsi_target_open(struct scsi_target *target, uint64_t features, uint16_t queue_size);
void scsi_target_close(struct scsi_target *target);
/* Answers what is in the queue, as a notification does. */
void scsi_target_work(struct scsi_target *target);
/* Sense data, in fixed or descriptor form. */
void scsi_sense_set(struct virtio_scsi_response *response, unsigned key, unsigned code,
                    bool descriptors);
/* Raises an event about a disk. */
void scsi_target_event(struct scsi_target *target, const struct scsi_target_disk *disk,
                       uint32_t event, uint32_t reason);

#endif
