/* SPDX-License-Identifier: BSD-2-Clause */
/* like: tests/unit/support/net_host.h */
/*
 * TCP over a device that cuts and merges large frames: a received frame of many
 * buffers reaches the program without a copy and is acknowledged at once, what one call sends leaves
 * as one frame with the right headers, nothing overtakes it.
 */
#include "tests/unit/support/net_peer.h"

/* ---- receiving ---------------------------------------------------------------------------- */

static void test_receive(void **state)
{
    static const size_t sizes[] = {1461, 1892, 1893, 1894, 4000, 30000, 65481};
    static unsigned char data[70000];
    (void)state;
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct socket *socket = connected();
        unsigned posted = net_host_posted();
        size_t before = memory_in_use();
        uint64_t copied = net_counters.rx_copied, large = net_counters.rx_large;

        peer_sends(FLAG_ACK | FLAG_PSH, sizes[i], i);
        net_host_run();
        assert_int_equal(net_host_posted(), posted);
        assert_int_equal(net_counters.rx_copied, copied);
        assert_int_equal(net_counters.rx_large, large + 1);
        /* Two segments or more are acknowledged at once, one is not. */
        assert_int_equal(sent_count, sizes[i] >= 2 * MSS);
        if (sent_count)
            assert_int_equal(get32(sent[0].bytes + 42), peer_sequence);
        assert_int_equal(receive(socket, data, sizeof data), sizes[i]);
        for (size_t at = 0; at < sizes[i]; at++)
            assert_int_equal(data[at], payload_at(i + at));
        assert_int_equal(net_host_posted(), posted);
        net_host_run();
        assert_true(memory_in_use() <= before);
        disconnect(socket);
    }
}

/* Nobody reads: the ring stays full all the same, and every byte that was acknowledged is there. */
static void test_unread(void **state)
{
    static unsigned char data[300000];
    struct socket *socket = connected();
    unsigned posted = net_host_posted();
    uint64_t taken = 0;
    uint32_t first = peer_sequence;
    (void)state;
    for (unsigned i = 0; i < 30; i++) {
        peer_sends(FLAG_ACK, 20000, peer_sequence - first);
        net_host_run();
        assert_int_equal(net_host_posted(), posted);
        if (sent_count)
            taken = get32(sent[sent_count - 1].bytes + 42) - first;
    }
    assert_int_equal(taken, 65535); /* without window scaling */
    assert_int_equal(receive(socket, data, sizeof data), taken);
    for (size_t at = 0; at < taken; at++)
        assert_int_equal(data[at], payload_at(at));
    assert_int_equal(net_host_posted(), posted);
    disconnect(socket);
}

/* More than lwIP can count is dropped, and the connection lives on. */
static void test_receive_too_long(void **state)
{
    struct socket *socket = connected();
    unsigned posted = net_host_posted();
    uint64_t dropped = net_counters.rx_dropped;
    unsigned char byte;
    uint32_t before = peer_sequence;
    (void)state;
    peer_sends(FLAG_ACK, 65482, 0);
    net_host_run();
    assert_int_equal(net_counters.rx_dropped, dropped + 1);
    assert_int_equal(net_host_posted(), posted);
    peer_sequence = before;
    peer_sends(FLAG_ACK, 1, 7);
    net_host_run();
    assert_int_equal(receive(socket, &byte, 1), 1);
    assert_int_equal(byte, payload_at(7));
    disconnect(socket);
}

/* ---- sending ------------------------------------------------------------------------------ */

static uint16_t pseudo_sum(const unsigned char *frame, size_t bytes)
{
    unsigned char pseudo[12] = {[9] = 6};
    memcpy(pseudo, frame + 26, 8);
    put16(pseudo + 10, (unsigned)bytes - 34);
    return net_checksum(pseudo, sizeof pseudo);
}

/* The headers of a frame with so much payload are right in themselves. */
static void check_headers(const struct sent *frame, size_t payload)
{
    const unsigned char *ip = frame->bytes + 14;
    uint16_t sum;

    assert_int_equal(frame->length, 54 + payload);
    assert_int_equal(get16(ip + 2), 40 + payload);
    assert_int_equal(net_checksum(ip, 20), 0xffff);
    sum = pseudo_sum(frame->bytes, frame->length);
    assert_memory_equal(frame->bytes + 50, &sum, 2);
    assert_true(frame->meta.csum_partial);
    assert_int_equal(frame->meta.csum_start, 34);
    assert_int_equal(frame->meta.csum_offset, 16);
}

static void test_send(void **state)
{
    static unsigned char data[9 * MSS + 100];
    struct socket *socket = connected();
    uint64_t large = net_counters.tx_large;
    size_t before = memory_in_use();
    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = payload_at(i);
    net_lock();
    send_data(socket, data, sizeof data);
    net_unlock();
    assert_int_equal(sent_count, 1);
    check_headers(&sent[0], sizeof data);
    assert_int_equal(sent[0].meta.gso, PV_NET_GSO_TCP4);
    assert_int_equal(sent[0].meta.segment_bytes, MSS);
    assert_int_equal(sent[0].meta.header_bytes, 54);
    assert_int_equal(sent[0].bytes[47], FLAG_ACK | FLAG_PSH);
    assert_int_equal(get32(sent[0].bytes + 38), peer_expects);
    assert_memory_equal(sent[0].bytes + 54, data, sizeof data);
    assert_int_equal(net_counters.tx_large, large + 1);

    peer_acknowledges(sizeof data);
    assert_int_equal(memory_in_use(), before);
    disconnect(socket);
}

/* One segment is no large frame, and leaves with its call. */
static void test_send_small(void **state)
{
    static const unsigned char data[MSS];
    struct socket *socket = connected();
    uint64_t large = net_counters.tx_large;
    (void)state;
    net_lock();
    send_data(socket, data, 10);
    assert_int_equal(sent_count, 1);
    net_unlock();
    check_headers(&sent[0], 10);
    assert_int_equal(sent[0].meta.gso, PV_NET_GSO_NONE);
    assert_int_equal(net_counters.tx_large, large);
    disconnect(socket);
}

/* Large frames end at 64 KiB, or at what the device takes; the next goes on where one ended. */
static void test_send_much(void **state)
{
    static unsigned char data[130000];
    struct socket *socket = connected();
    size_t total = 0;
    bool any_full = false;
    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = payload_at(i);
    uint32_t first = peer_expects;
    net_lock();
    socket->has_sent = true;
    socket->pcb.tcp->cwnd = 1000000;
    send_data(socket, data, sizeof data);
    net_unlock();
    while (total < sizeof data) { /* the window opens with each acknowledgement */
        assert_true(sent_count > 0);
        for (unsigned i = 0; i < sent_count; i++) {
            size_t payload = sent[i].length - 54;
            check_headers(&sent[i], payload);
            assert_int_equal(get32(sent[i].bytes + 38), first + total);
            assert_memory_equal(sent[i].bytes + 54, data + total, payload);
            assert_true(payload <= MSS || sent[i].meta.gso == PV_NET_GSO_TCP4);
            any_full |= payload == 44 * MSS;
            total += payload;
        }
        sent_forget();
        peer_acknowledges(first + total - peer_expects);
    }
    assert_int_equal(total, sizeof data);
    assert_true(any_full);
    disconnect(socket);
}

/* What goes to somebody else, or has other headers, does not join and does not overtake. */
static void test_order(void **state)
{
    static const unsigned char data[3 * MSS];
    struct socket *socket = connected();
    struct socket *udp = socket_new(AF_INET, SOCK_DGRAM, 0, &datagram_protocol);
    struct endpoint to = {.port = 9};
    const struct iovec piece = {(char[]){"x"}, 1};
    struct span span;
    (void)state;
    IP_ADDR4(&to.ip, 10, 0, 0, 1);
    span_init(&span, &piece, 1);
    net_lock();
    udp->file = &nonblocking;
    assert_int_equal(udp->protocol->open(udp), 0);
    const struct iovec unpushed = {(void *)(uintptr_t)data, sizeof data};
    struct span more;
    span_init(&more, &unpushed, 1);
    assert_int_equal(socket->protocol->send(socket, &more, MSG_MORE, NULL), sizeof data);
    tcp_output(socket->pcb.tcp);
    assert_int_equal(sent_count, 0);
    assert_int_equal(udp->protocol->send(udp, &span, 0, &to), 1);
    assert_int_equal(sent_count, 2);
    net_unlock();
    check_headers(&sent[0], sizeof data);
    assert_int_equal(sent[1].bytes[23], 17);
    /* The same connection, but its window has changed in between. */
    sent_forget();
    peer_acknowledges(sizeof data);
    net_lock();
    span_init(&more, &unpushed, 1);
    assert_int_equal(socket->protocol->send(socket, &more, MSG_MORE, NULL), sizeof data);
    tcp_output(socket->pcb.tcp);
    socket->pcb.tcp->rcv_ann_wnd -= 5000;
    send_data(socket, data, sizeof data);
    net_unlock();
    assert_int_equal(sent_count, 2);
    assert_int_equal(sent[0].length, 54 + sizeof data);
    assert_int_equal(sent[1].length, 54 + sizeof data);
    net_lock();
    udp->protocol->close(udp, false);
    net_unlock();
    disconnect(socket);
}

/* A ring that stands still: large frames wait, and all leave in order. */
static void test_stuck(void **state)
{
    static unsigned char data[2 * MSS];
    struct socket *socket = connected();
    size_t total = 0;
    (void)state;
    net_host_run();
    size_t before = memory_in_use();
    net_host_transmit_stuck = true;
    for (unsigned i = 0; i < 5; i++) {
        net_lock();
        send_data(socket, data, sizeof data);
        net_unlock();
    }
    net_host_transmit_stuck = false;
    net_host_run();
    for (unsigned i = 0; i < sent_count; i++)
        total += sent[i].length - 54;
    assert_int_equal(total, 5 * sizeof data);
    peer_acknowledges(total);
    assert_int_equal(memory_in_use(), before);
    disconnect(socket);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_receive),
        cmocka_unit_test(test_unread),
        cmocka_unit_test(test_receive_too_long),
        cmocka_unit_test(test_send),
        cmocka_unit_test(test_send_small),
        cmocka_unit_test(test_send_much),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_stuck),
    };
    net_host_start(true, true);
    net_host_sent = on_sent;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
