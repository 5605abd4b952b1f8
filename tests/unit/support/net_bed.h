/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio network frontend attached to a device that the test plays. For cmocka tests. */
#ifndef SUPPORT_NET_BED_H
#define SUPPORT_NET_BED_H

#include <stdlib.h>
#include <string.h>

#include "pvabi/errno.h"
#include "pvabi/virtio/net.h"
#include "tests/unit/support/device.h"

#define SIZE 16u
#define BUFFER_BYTES 1600u
#define ALL                                                                                  \
    (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | \
     VIRTIO_NET_F_MTU | VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS)

static const struct pv_net_ops *const ops = &virtio_net_ops;

struct bed {
    struct device device;
    struct device_queue *rx, *tx;
    struct pv_net *net;
    void *memory;
    uint8_t *buffer; /* of its own, so that the sanitizer sees what lies around it */
};

static inline struct virtio_net_config *config_of(struct bed *bed)
{
    return (struct virtio_net_config *)(void *)bed->device.config;
}

static inline void bed_prepare_sized(struct bed *bed, uint64_t features, uint16_t size)
{
    memset(bed, 0, sizeof(*bed));
    device_open(&bed->device, PV_NET, features, 2, size);
    bed->rx = &bed->device.queues[0];
    bed->tx = &bed->device.queues[1];
    bed->buffer = malloc(BUFFER_BYTES);
    *config_of(bed) = (struct virtio_net_config){
        .mac = {2, 3, 4, 5, 6, 7}, .status = VIRTIO_NET_S_LINK_UP, .mtu = 1400};
}

static inline void bed_prepare(struct bed *bed, uint64_t features)
{
    bed_prepare_sized(bed, features, SIZE);
}

static inline int bed_attach(struct bed *bed)
{
    size_t bytes = ops->memory_bytes(&bed->device.pv);

    assert_int_equal(posix_memalign(&bed->memory, 4096, bytes), 0);
    memset(bed->memory, 0, bytes);
    return ops->attach(&bed->device.pv, bed->memory, &bed->net);
}

static inline void bed_open(struct bed *bed, uint64_t features)
{
    bed_prepare(bed, features);
    assert_int_equal(bed_attach(bed), 0);
}

static inline void bed_close(struct bed *bed)
{
    device_close(&bed->device);
    free(bed->memory);
    free(bed->buffer);
}

static inline uint16_t post_and_see(struct bed *bed)
{
    uint16_t head;

    assert_int_equal(ops->rx_post(bed->net, bed->buffer, BUFFER_BYTES, bed), 0);
    ops->rx_kick(bed->net);
    assert_true(device_next(bed->rx, &head));
    return head;
}

static inline int send(struct bed *bed, const struct pv_net_meta *meta)
{
    struct pv_segment segments[2] = {{bed->buffer, 14}, {bed->buffer + 14, 86}};

    return ops->tx_post(bed->net, segments, 2, meta, bed);
}

static inline void expect_fault(struct bed *bed, const char *words)
{
    struct pv_net_frame frame;
    void *cookie;

    assert_int_equal(ops->rx_take(bed->net, &frame), -EIO);
    assert_int_equal(ops->tx_take(bed->net, &cookie), -EIO);
    assert_non_null(bed->net->fault);
    assert_non_null(strstr(bed->net->fault, words));
    assert_int_equal(bed->device.failed, 1);
    assert_int_equal(ops->rx_post(bed->net, bed->buffer, BUFFER_BYTES, bed), -EIO);
    assert_int_equal(send(bed, NULL), -EIO);
    assert_true(ops->rx_ask(bed->net));
    assert_true(ops->tx_ask(bed->net));
    ops->rx_kick(bed->net);
    ops->tx_kick(bed->net);
    ops->refresh(bed->net);
    assert_int_equal(ops->rx_take(bed->net, &frame), -EIO);
    assert_int_equal(bed->device.failed, 1);
    bed_close(bed);
}

#endif
