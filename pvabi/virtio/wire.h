/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What virtio puts on the wire, as far as the frontends use it: ring parts, request headers,
 * configuration layouts, feature bits (virtio 1.2; section numbers at each). Little-endian, as all
 * our CPUs are. Nothing here is driver state. Included by pvabi/virtio and its tests.
 */
#ifndef VIRTIO_WIRE_H
#define VIRTIO_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "pvabi/pv.h"

/* Device ids (5). */
#define VIRTIO_ID_NET 1u
#define VIRTIO_ID_BLOCK 2u
#define VIRTIO_ID_CONSOLE 3u
#define VIRTIO_ID_ENTROPY 4u
#define VIRTIO_ID_SCSI 8u

/* What our frontends serve such a device as; false: none of them does. */
static inline bool virtio_class_of(uint32_t type, enum pv_class *class, enum pv_family *family)
{
    *family = PV_FAMILY_VIRTIO;
    switch (type) {
    case VIRTIO_ID_NET:
        *class = PV_NET;
        return true;
    case VIRTIO_ID_BLOCK:
        *class = PV_BLK;
        return true;
    case VIRTIO_ID_CONSOLE:
        *class = PV_CONSOLE;
        return true;
    case VIRTIO_ID_ENTROPY:
        *class = PV_RNG;
        return true;
    case VIRTIO_ID_SCSI:
        *class = PV_BLK;
        *family = PV_FAMILY_VIRTIO_SCSI;
        return true;
    default:
        return false;
    }
}

/* Features that concern every device (6 and 6.3). */
#define VIRTIO_F_ANY_LAYOUT (1ull << 27)
#define VIRTIO_F_EVENT_IDX (1ull << 29)
#define VIRTIO_F_VERSION_1 (1ull << 32)
#define VIRTIO_F_ACCESS_PLATFORM (1ull << 33)

/* ---- split virtqueue (2.7) ---------------------------------------------------------------- */

#define VIRTQ_DESC_NEXT 1u
#define VIRTQ_DESC_WRITE 2u

struct virtq_desc { /* 2.7.5 */
    uint64_t address;
    uint32_t bytes;
    uint16_t flags;
    uint16_t next;
};

/* Flags by which the sides quieten each other without event index (2.7.7, 2.7.10). */
#define VIRTQ_AVAIL_NO_INTERRUPT 1u
#define VIRTQ_USED_NO_NOTIFY 1u

/* The driver's part (2.7.6): written by the driver; used_event follows ring[size]. */
struct virtq_avail {
    uint16_t flags;
    uint16_t idx;
    uint16_t ring[];
};

struct virtq_used_element {
    uint32_t id;
    uint32_t bytes;
};

/* The device's part (2.7.8): written by the device; avail_event follows ring[size]. */
struct virtq_used {
    uint16_t flags;
    uint16_t idx;
    struct virtq_used_element ring[];
};

#define VIRTQ_DESC_ALIGN 16u
#define VIRTQ_AVAIL_ALIGN 2u
#define VIRTQ_USED_ALIGN 4u
#define VIRTQ_DESC_BYTES(size) (sizeof(struct virtq_desc) * (size))
#define VIRTQ_AVAIL_BYTES(size) (sizeof(struct virtq_avail) + 2u * ((size) + 1u))
#define VIRTQ_USED_BYTES(size) \
    (sizeof(struct virtq_used) + sizeof(struct virtq_used_element) * (size) + 2u)

_Static_assert(sizeof(struct virtq_desc) == 16, "virtq_desc");
_Static_assert(offsetof(struct virtq_desc, flags) == 12, "virtq_desc.flags");
_Static_assert(offsetof(struct virtq_avail, ring) == 4, "virtq_avail.ring");
_Static_assert(offsetof(struct virtq_used, ring) == 4, "virtq_used.ring");
_Static_assert(sizeof(struct virtq_used_element) == 8, "virtq_used_element");

/* ---- block (5.2) -------------------------------------------------------------------------- */

#define VIRTIO_BLK_F_SIZE_MAX (1ull << 1)
#define VIRTIO_BLK_F_SEG_MAX (1ull << 2)
#define VIRTIO_BLK_F_RO (1ull << 5)
#define VIRTIO_BLK_F_BLK_SIZE (1ull << 6)
#define VIRTIO_BLK_F_FLUSH (1ull << 9)
#define VIRTIO_BLK_F_DISCARD (1ull << 13)

/* Request types and what comes back (5.2.6). */
enum virtio_blk_type {
    VIRTIO_BLK_T_IN = 0,
    VIRTIO_BLK_T_OUT = 1,
    VIRTIO_BLK_T_FLUSH = 4,
    VIRTIO_BLK_T_DISCARD = 11,
};

enum virtio_blk_status { VIRTIO_BLK_S_OK = 0, VIRTIO_BLK_S_IOERR = 1, VIRTIO_BLK_S_UNSUPP = 2 };

struct virtio_blk_header { /* 5.2.6 */
    uint32_t type;
    uint32_t reserved;
    uint64_t sector;
};

struct virtio_blk_discard { /* 5.2.6, the one segment of a discard */
    uint64_t sector;
    uint32_t sector_count;
    uint32_t flags;
};

struct virtio_blk_config { /* 5.2.4 */
    uint64_t capacity;     /* in sectors of 512 bytes, whatever blk_size says */
    uint32_t size_max;     /* bytes in one segment */
    uint32_t seg_max;      /* data segments in one request */
    uint8_t geometry[4];
    uint32_t blk_size;
    uint8_t topology[8];
    uint8_t writeback;
    uint8_t unused0;
    uint16_t num_queues;
    uint32_t max_discard_sectors;
    uint32_t max_discard_seg;
    uint32_t discard_sector_alignment;
};

_Static_assert(sizeof(struct virtio_blk_header) == 16, "virtio_blk_header");
_Static_assert(sizeof(struct virtio_blk_discard) == 16, "virtio_blk_discard");
_Static_assert(offsetof(struct virtio_blk_config, blk_size) == 20, "virtio_blk_config.blk_size");
_Static_assert(offsetof(struct virtio_blk_config, max_discard_sectors) == 36,
               "virtio_blk_config.max_discard_sectors");

/* ---- console (5.3) ------------------------------------------------------------------------ */

#define VIRTIO_CONSOLE_F_MULTIPORT (1ull << 1)
#define VIRTIO_CONSOLE_F_EMERG_WRITE (1ull << 2)

struct virtio_console_config { /* 5.3.4 */
    uint16_t columns;
    uint16_t rows;
    uint32_t ports_max;
    uint32_t emergency_write;
};

/* What goes over the control queues (5.3.6.2); the name of a port follows in a message. */
struct virtio_console_control {
    uint32_t port;
    uint16_t event;
    uint16_t value;
};

enum virtio_console_event {
    VIRTIO_CONSOLE_DEVICE_READY = 0,
    VIRTIO_CONSOLE_PORT_ADD = 1,
    VIRTIO_CONSOLE_PORT_REMOVE = 2,
    VIRTIO_CONSOLE_PORT_READY = 3,
    VIRTIO_CONSOLE_CONSOLE_PORT = 4,
    VIRTIO_CONSOLE_PORT_OPEN = 6,
    VIRTIO_CONSOLE_PORT_NAME = 7,
};

_Static_assert(offsetof(struct virtio_console_config, emergency_write) == 8,
               "virtio_console_config.emergency_write");
_Static_assert(sizeof(struct virtio_console_control) == 8, "virtio_console_control");

/* ---- network (5.1) ------------------------------------------------------------------------ */

#define VIRTIO_NET_F_CSUM (1ull << 0)
#define VIRTIO_NET_F_GUEST_CSUM (1ull << 1)
#define VIRTIO_NET_F_MTU (1ull << 3)
#define VIRTIO_NET_F_MAC (1ull << 5)
#define VIRTIO_NET_F_GUEST_TSO4 (1ull << 7)
#define VIRTIO_NET_F_GUEST_TSO6 (1ull << 8)
#define VIRTIO_NET_F_HOST_TSO4 (1ull << 11)
#define VIRTIO_NET_F_HOST_TSO6 (1ull << 12)
#define VIRTIO_NET_F_MRG_RXBUF (1ull << 15)
#define VIRTIO_NET_F_STATUS (1ull << 16)

#define VIRTIO_NET_HDR_F_NEEDS_CSUM 1u
#define VIRTIO_NET_HDR_F_DATA_VALID 2u
#define VIRTIO_NET_HDR_GSO_NONE 0u
#define VIRTIO_NET_HDR_GSO_TCPV4 1u
#define VIRTIO_NET_HDR_GSO_TCPV6 4u
#define VIRTIO_NET_S_LINK_UP 1u

struct virtio_net_header { /* 5.1.6 */
    uint8_t flags;
    uint8_t gso_type;
    uint16_t hdr_bytes;
    uint16_t gso_bytes;
    uint16_t csum_start;
    uint16_t csum_offset;
    uint16_t num_buffers; /* not there on legacy devices without MRG_RXBUF (5.1.6.1) */
};
#define VIRTIO_NET_HEADER_BYTES 12u
#define VIRTIO_NET_HEADER_BYTES_LEGACY 10u

struct virtio_net_config { /* 5.1.4 */
    uint8_t mac[6];
    uint16_t status;
    uint16_t max_virtqueue_pairs;
    uint16_t mtu;
};

_Static_assert(sizeof(struct virtio_net_header) == VIRTIO_NET_HEADER_BYTES, "virtio_net_header");
_Static_assert(offsetof(struct virtio_net_header, num_buffers) == VIRTIO_NET_HEADER_BYTES_LEGACY,
               "virtio_net_header.num_buffers");
_Static_assert(offsetof(struct virtio_net_config, mtu) == 10, "virtio_net_config.mtu");

#endif
