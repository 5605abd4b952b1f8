/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: pvabi/xen/netfront.c pvabi/xen/netfront_rx.c pvabi/xen/netfront_tx.c */
/* sources: pvabi/xen/grant.c pvabi/xen/xenbus.c pvabi/xen/xenstore.c */
/* sources: tests/unit/support/xen_net_bed.c tests/unit/support/xen_backend.c */
/* sources: tests/unit/support/xen_backend_store.c */
/*
 * A network backend for tests, on the machine of xen_backend.h: attaches the frontend, takes its
 * frames and hands it others, as honest or not as the test says. Relies on cmocka.
 */
#ifndef TESTS_XEN_NET_BED_H
#define TESTS_XEN_NET_BED_H

#include "pvabi/xen/netfront.h"
#include "pvabi/xen/rings.h"
#include "tests/unit/support/xen_frontend_bed.h"

#include <xen/io/netif.h>

#define BUFFER_BYTES 2048u
#define FRAME_BYTES_MAX 65535u
#define RX_PAGES 64u
#define TX_PAGES 64u

extern struct xen_net_bed {
    const struct pv_device *device;
    struct pv_net *net;
    void *memory;
    uint8_t *buffer; /* of its own, so that the sanitizer sees what lies around it */
    uint8_t *frame;
    uint32_t rx_port, tx_port;
    netif_rx_back_ring_t rx;
    netif_tx_back_ring_t tx;
    uint8_t sent[FRAME_BYTES_MAX];
} bed;

uint32_t front_number(const char *name);
void bed_post(void);
int bed_take(uint32_t *bytes, struct pv_net_meta *meta);
int bed_send(uint32_t bytes, const struct pv_net_meta *meta, void *cookie);
/* Answers the next receive request as it stands, without the index. */
void back_respond(uint16_t id, uint16_t offset, uint16_t flags, int16_t status);
void back_push(void);
/* An honest part of a frame: into the page of the next request. */
void back_part(const uint8_t *data, uint16_t offset, uint16_t bytes, uint16_t flags);
void back_frame(const uint8_t *data, uint16_t bytes, uint16_t flags);

struct back_sent {
    uint32_t bytes;
    unsigned parts;
    uint16_t flags, ids[20];
    struct netif_extra_info extra;
};

/* Takes a frame as netback does: the first request names the size of all. */
bool back_take(struct back_sent *sent);
void back_complete(uint16_t id, int16_t status);

#endif
