/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a SCSI host and its disks put on the wire, as far as the frontend uses it: virtio's request,
 * response, events and configuration (virtio 1.2, 5.6; little-endian), and the commands, pages and
 * sense data of SCSI inside them (SPC-4, SBC-3, SAM-5; big-endian). Nothing here is driver state.
 * Included by pvabi/virtio and its tests.
 */
#ifndef VIRTIO_SCSI_WIRE_H
#define VIRTIO_SCSI_WIRE_H

#include <stddef.h>
#include <stdint.h>

/* ---- virtio (5.6) ------------------------------------------------------------------------- */

enum virtio_scsi_queue { VIRTIO_SCSI_CONTROL, VIRTIO_SCSI_EVENTS, VIRTIO_SCSI_REQUESTS };

#define VIRTIO_SCSI_F_HOTPLUG (1ull << 1)
#define VIRTIO_SCSI_F_CHANGE (1ull << 2)

struct virtio_scsi_config { /* 5.6.4 */
    uint32_t num_queues;
    uint32_t seg_max;
    uint32_t max_sectors; /* of 512 bytes, in one request */
    uint32_t cmd_per_lun;
    uint32_t event_info_size;
    uint32_t sense_size;
    uint32_t cdb_size;
    uint16_t max_channel;
    uint16_t max_target;
    uint32_t max_lun;
};

/* What the two sizes are after a reset (5.6.4). */
#define VIRTIO_SCSI_SENSE_BYTES 96u
#define VIRTIO_SCSI_CDB_BYTES 32u

struct virtio_scsi_header { /* 5.6.6.1: what the device reads */
    uint8_t lun[8];
    uint64_t id;
    uint8_t task_attribute;
    uint8_t priority;
    uint8_t crn;
    uint8_t cdb[VIRTIO_SCSI_CDB_BYTES];
} __attribute__((packed));

struct virtio_scsi_response { /* 5.6.6.1: what it writes */
    uint32_t sense_bytes;
    uint32_t residual_bytes;
    uint16_t status_qualifier;
    uint8_t status;
    uint8_t response;
    uint8_t sense[VIRTIO_SCSI_SENSE_BYTES];
};
#define VIRTIO_SCSI_RESPONSE_BYTES_MIN 12u /* without sense data */

enum virtio_scsi_response_code {
    VIRTIO_SCSI_S_OK = 0,
    VIRTIO_SCSI_S_OVERRUN = 1,
    VIRTIO_SCSI_S_ABORTED = 2,
    VIRTIO_SCSI_S_BAD_TARGET = 3,
    VIRTIO_SCSI_S_RESET = 4,
    VIRTIO_SCSI_S_BUSY = 5,
    VIRTIO_SCSI_S_TRANSPORT_FAILURE = 6,
    VIRTIO_SCSI_S_TARGET_FAILURE = 7,
    VIRTIO_SCSI_S_NEXUS_FAILURE = 8,
    VIRTIO_SCSI_S_FAILURE = 9,
    VIRTIO_SCSI_S_INCORRECT_LUN = 12,
};

struct virtio_scsi_event { /* 5.6.6.3 */
    uint32_t event;
    uint8_t lun[8];
    uint32_t reason;
};

#define VIRTIO_SCSI_T_TRANSPORT_RESET 1u
#define VIRTIO_SCSI_T_PARAM_CHANGE 3u
#define VIRTIO_SCSI_T_EVENTS_MISSED 0x80000000u
#define VIRTIO_SCSI_EVT_RESET_REMOVED 2u

_Static_assert(offsetof(struct virtio_scsi_config, max_lun) == 32, "virtio_scsi_config.max_lun");
_Static_assert(sizeof(struct virtio_scsi_header) == 51, "virtio_scsi_header");
_Static_assert(sizeof(struct virtio_scsi_response) == 108, "virtio_scsi_response");
_Static_assert(offsetof(struct virtio_scsi_response, sense) == VIRTIO_SCSI_RESPONSE_BYTES_MIN,
               "virtio_scsi_response.sense");
_Static_assert(sizeof(struct virtio_scsi_event) == 16, "virtio_scsi_event");

/* ---- SCSI ---------------------------------------------------------------------------------- */

enum scsi_operation_code {
    SCSI_INQUIRY = 0x12,
    SCSI_MODE_SENSE_6 = 0x1a,
    SCSI_READ_CAPACITY_10 = 0x25,
    SCSI_READ_10 = 0x28,
    SCSI_WRITE_10 = 0x2a,
    SCSI_SYNCHRONIZE_CACHE_10 = 0x35,
    SCSI_UNMAP = 0x42,
    SCSI_READ_16 = 0x88,
    SCSI_WRITE_16 = 0x8a,
    SCSI_SERVICE_ACTION_IN_16 = 0x9e,
    SCSI_REPORT_LUNS = 0xa0,
};
#define SCSI_READ_CAPACITY_16 0x10u /* a service action */
#define SCSI_ALL_MODE_PAGES 0x3fu

enum scsi_status { /* SAM-5, 5.3 */
                   SCSI_GOOD = 0x00,
                   SCSI_CHECK_CONDITION = 0x02,
                   SCSI_STATUS_BUSY = 0x08,
                   SCSI_TASK_SET_FULL = 0x28,
                   SCSI_TASK_ABORTED = 0x40,
};

enum scsi_sense_key { /* SPC-4, 4.5.6 */
                      SCSI_RECOVERED_ERROR = 0x1,
                      SCSI_NOT_READY = 0x2,
                      SCSI_ILLEGAL_REQUEST = 0x5,
                      SCSI_UNIT_ATTENTION = 0x6,
                      SCSI_DATA_PROTECT = 0x7,
                      SCSI_ABORTED_COMMAND = 0xb,
};

/* Additional sense code and its qualifier, one number. */
#define SCSI_ASC_BECOMING_READY 0x0401u
#define SCSI_ASC_INVALID_OPCODE 0x2000u
#define SCSI_ASC_BEYOND_END 0x2100u
#define SCSI_ASC_NO_SUCH_LUN 0x2500u
#define SCSI_ASC_NO_SPACE 0x2707u
#define SCSI_ASC_CAPACITY_CHANGED 0x2a09u

#define SCSI_PAGE_SUPPORTED 0x00u /* vital product data (SPC-4, 7.8) */
#define SCSI_PAGE_BLOCK_LIMITS 0xb0u
#define SCSI_PAGE_PROVISIONING 0xb2u

static inline uint64_t scsi_get(const uint8_t *at, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

static inline void scsi_put(uint8_t *at, unsigned bytes, uint64_t value)
{
    for (unsigned i = bytes; i-- > 0; value >>= 8)
        at[i] = (uint8_t)value;
}

#endif
