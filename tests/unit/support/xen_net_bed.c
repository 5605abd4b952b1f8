/* SPDX-License-Identifier: BSD-2-Clause */
/* The network device that the tests of its frontend play (xen_net_bed.h). */
#include "tests/unit/support/xen_net_bed.h"

static const struct pv_net_ops *const ops = &xen_net_ops;

struct xen_net_bed bed;

int bed_attach(void)
{
    bed.memory = xen_bed_memory(ops->memory_bytes(bed.device));
    return ops->attach(bed.device, bed.memory, &bed.net);
}

uint32_t front_number(const char *name)
{
    char path[64] = XEN_HOME XEN_NET_PATH "/";

    strcat(path, name);
    return (uint32_t)xen_store_number(path);
}

void back_connect(void)
{
    netif_rx_sring_t *rx = xen_granted(front_number("rx-ring-ref"), true);
    netif_tx_sring_t *tx = xen_granted(front_number("tx-ring-ref"), true);

    assert_true(rx != NULL && tx != NULL);
    BACK_RING_INIT(&bed.rx, rx, XEN_PAGE_BYTES);
    BACK_RING_INIT(&bed.tx, tx, XEN_PAGE_BYTES);
    bed.rx_port = front_number("event-channel-rx");
    bed.tx_port = front_number("event-channel-tx");
    if (bed.rx_port == 0)
        bed.rx_port = bed.tx_port = front_number("event-channel");
}

int bed_set_up(void **state)
{
    (void)state;
    memset(&bed, 0, sizeof(bed));
    bed.device = xen_bed_device(xen_net_create);
    bed.buffer = malloc(BUFFER_BYTES);
    bed.frame = malloc(FRAME_BYTES_MAX + 1u);
    for (unsigned i = 0; i <= FRAME_BYTES_MAX; i++)
        bed.frame[i] = (uint8_t)(i * 7u + i / 4096u);
    return 0;
}

int bed_tear_down(void **state)
{
    (void)state;
    free(bed.memory);
    free(bed.buffer);
    free(bed.frame);
    xen_machine_stop();
    return 0;
}

void bed_post(void)
{
    assert_int_equal(ops->rx_post(bed.net, bed.buffer, BUFFER_BYTES, &bed), 0);
    ops->rx_kick(bed.net);
}

int bed_take(uint32_t *bytes, struct pv_net_meta *meta)
{
    struct pv_net_frame frame;
    int got = ops->rx_take(bed.net, &frame);

    if (got == 1) {
        assert_int_equal(frame.count, 1);
        assert_ptr_equal(frame.parts[0].cookie, &bed);
        assert_int_equal(frame.parts[0].offset, bed.net->rx_headroom);
        assert_int_equal(frame.parts[0].bytes, frame.bytes);
        *bytes = frame.bytes;
        *meta = frame.meta;
    }
    return got;
}

int bed_send(uint32_t bytes, const struct pv_net_meta *meta, void *cookie)
{
    struct pv_segment segment = {bed.frame, bytes};

    return ops->tx_post(bed.net, &segment, 1, meta, cookie);
}

/* ---- the backend's side ------------------------------------------------------------------- */

void back_respond(uint16_t id, uint16_t offset, uint16_t flags, int16_t status)
{
    struct netif_rx_response *response = RING_GET_RESPONSE(&bed.rx, bed.rx.rsp_prod_pvt);

    *response = (struct netif_rx_response){id, offset, flags, status};
    bed.rx.rsp_prod_pvt++;
}

void back_push(void)
{
    RING_PUSH_RESPONSES(&bed.rx);
}

void back_part(const uint8_t *data, uint16_t offset, uint16_t bytes, uint16_t flags)
{
    struct netif_rx_request request;
    uint8_t *page;

    assert_int_not_equal(bed.rx.req_cons, bed.rx.sring->req_prod);
    request = *RING_GET_REQUEST(&bed.rx, bed.rx.req_cons++);
    page = xen_granted(request.gref, true);
    assert_non_null(page);
    memcpy(page + offset, data, bytes);
    back_respond(request.id, offset, flags, (int16_t)bytes);
}

void back_frame(const uint8_t *data, uint16_t bytes, uint16_t flags)
{
    back_part(data, 0, bytes, flags);
    back_push();
}

bool back_take(struct back_sent *sent)
{
    bool more = true;
    uint32_t total = 0;

    *sent = (struct back_sent){0};
    if (bed.tx.req_cons == bed.tx.sring->req_prod)
        return false;
    while (more) {
        struct netif_tx_request request = *RING_GET_REQUEST(&bed.tx, bed.tx.req_cons++);
        const uint8_t *page = xen_granted(request.gref, false);
        uint32_t bytes = request.size;

        assert_non_null(page);
        assert_null(xen_granted(request.gref, true)); /* only to be read */
        assert_int_equal(request.offset, 0);
        more = (request.flags & NETTXF_more_data) != 0;
        if (sent->parts == 0) {
            total = request.size;
            sent->flags = request.flags;
            if (request.flags & NETTXF_extra_info)
                memcpy(&sent->extra, RING_GET_REQUEST(&bed.tx, bed.tx.req_cons++),
                       sizeof(sent->extra));
            if (more)
                bytes = XEN_PAGE_BYTES;
        }
        memcpy(bed.sent + sent->bytes, page, bytes);
        for (uint32_t i = bytes; i < XEN_PAGE_BYTES; i++) /* Mirage advisory 01 */
            assert_int_equal(page[i], 0);
        sent->ids[sent->parts++] = request.id;
        sent->bytes += bytes;
    }
    assert_int_equal(sent->bytes, total);
    return true;
}

void back_complete(uint16_t id, int16_t status)
{
    struct netif_tx_response *response = RING_GET_RESPONSE(&bed.tx, bed.tx.rsp_prod_pvt);

    *response = (struct netif_tx_response){.id = id, .status = status};
    bed.tx.rsp_prod_pvt++;
    RING_PUSH_RESPONSES(&bed.tx);
}

void bed_expect_fault(const char *words)
{
    struct pv_net_frame frame;
    void *cookie;

    assert_int_equal(ops->rx_take(bed.net, &frame), -EIO);
    assert_int_equal(ops->tx_take(bed.net, &cookie), -EIO);
    assert_int_equal(ops->rx_post(bed.net, bed.buffer, BUFFER_BYTES, &bed), -EIO);
    assert_int_equal(bed_send(60, NULL, &bed), -EIO);
    assert_true(ops->rx_ask(bed.net));
    assert_true(ops->tx_ask(bed.net));
    ops->rx_kick(bed.net);
    ops->tx_kick(bed.net);
    xen_bed_expect_ended(bed.net->fault, words);
}
