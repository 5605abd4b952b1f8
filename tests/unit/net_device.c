/* SPDX-License-Identifier: BSD-2-Clause */
/* like: tests/unit/support/net_host.h */
/*
 * The network interface over a device that the test plays: payload lent and copied, the ring always
 * full, a bound on what waits for the program, checksums left to the device, a full transmit ring,
 * a link that goes down and up, a device that goes out of service.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>

#include "interface.h"
#include "lwip/dns.h"
#include "socket.h"
#include "stack.h"
#include "tests/unit/support/net_host.h"

static struct file nonblocking = {.flags = O_NONBLOCK};
static unsigned char sent[2048];
static size_t sent_bytes;
static unsigned sent_count;

static void on_sent(const unsigned char *frame, size_t bytes)
{
    memcpy(sent, frame, bytes < sizeof sent ? bytes : sizeof sent);
    sent_bytes = bytes;
    sent_count++;
}

static struct socket *udp_open(unsigned port)
{
    struct endpoint local = {.port = (uint16_t)port};
    struct socket *socket = socket_new(AF_INET, SOCK_DGRAM, 0, &datagram_protocol);
    net_lock();
    socket->file = &nonblocking;
    assert_int_equal(socket->protocol->open(socket), 0);
    assert_int_equal(socket->protocol->bind(socket, &local), 0);
    net_unlock();
    return socket;
}

static void socket_end(struct socket *socket)
{
    net_lock();
    socket->protocol->close(socket, false);
    net_unlock();
}

static ssize_t udp_receive(struct socket *socket, void *data, size_t bytes)
{
    const struct iovec piece = {data, bytes};
    struct endpoint from;
    struct span span;
    int flags = 0;
    span_init(&span, &piece, 1);
    net_lock();
    ssize_t result = socket->protocol->receive(socket, &span, &flags, &from);
    net_unlock();
    return result;
}

static ssize_t udp_send(struct socket *socket, const void *data, size_t bytes)
{
    const struct iovec piece = {(void *)(uintptr_t)data, bytes};
    struct endpoint to = {.port = 9};
    struct span span;
    IP_ADDR4(&to.ip, 10, 0, 0, 1);
    span_init(&span, &piece, 1);
    net_lock();
    ssize_t result = socket->protocol->send(socket, &span, 0, &to);
    net_unlock();
    return result;
}

/* A UDP datagram to port 7, its payload counting from `seed`. */
static void frame_arrives(unsigned char seed, size_t payload, bool csum_valid, unsigned csum)
{
    unsigned char frame[1514] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0};
    const unsigned char addresses[8] = {10, 0, 0, 1, 10, 0, 0, 2};
    unsigned char *ip = frame + 14, *udp = frame + 34;
    ip[0] = 0x45;
    ip[2] = (unsigned char)((28 + payload) >> 8);
    ip[3] = (unsigned char)(28 + payload);
    ip[8] = 64;
    ip[9] = 17;
    memcpy(ip + 12, addresses, sizeof addresses);
    uint16_t sum = (uint16_t)~net_checksum(ip, 20);
    memcpy(ip + 10, &sum, sizeof sum);
    udp[1] = 99;
    udp[3] = 7;
    udp[4] = (unsigned char)((8 + payload) >> 8);
    udp[5] = (unsigned char)(8 + payload);
    udp[6] = (unsigned char)(csum >> 8);
    udp[7] = (unsigned char)csum;
    for (size_t i = 0; i < payload; i++)
        udp[8 + i] = (unsigned char)(seed + i);
    net_host_frame(frame, 42 + payload, csum_valid);
}

static void check_payload(const unsigned char *data, unsigned char seed, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(data[i], (unsigned char)(seed + i));
}

/* The peer's hardware address becomes known, as from its own request. */
static void peer_appears(void)
{
    static const unsigned char request[42] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0,  0, 0, 0, 1, 8, 6, 0, 1, 8, 0,  6, 4, 0,
        1,    2,    0,    0,    0,    0,    1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2};
    net_host_frame(request, sizeof request, false);
    net_host_run();
}

/* The ring is filled when the first frame comes, whatever frame that is. */
static void test_first_frame(void **state)
{
    (void)state;
    assert_int_equal(net_host_posted(), 16);
    peer_appears();
    assert_int_equal(net_host_posted(), 64);
    peer_appears();
    assert_int_equal(net_host_posted(), 64);
}

static void test_receive(void **state)
{
    struct socket *socket = udp_open(7);
    unsigned posted = net_host_posted();
    unsigned char data[1500];
    (void)state;
    /* Around the sizes where copying ends and lending begins, and the largest frame. */
    static const size_t sizes[] = {0, 1, 100, 102, 103, 213, 214, 215, 216, 700, 1472};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t copied = net_counters.rx_copied;
        frame_arrives((unsigned char)i, sizes[i], true, 0);
        net_host_run();
        assert_int_equal(net_counters.rx_copied - copied, sizes[i] + 42 <= 256);
        assert_int_equal(net_host_posted(), posted);
        assert_int_equal(udp_receive(socket, data, sizeof data), sizes[i]);
        check_payload(data, (unsigned char)i, sizes[i]);
        assert_int_equal(udp_receive(socket, data, sizeof data), -EAGAIN);
    }
    socket_end(socket);
}

/* A wrong checksum is noticed unless the device has vouched for the frame. */
static void test_receive_checksum(void **state)
{
    struct socket *socket = udp_open(7);
    unsigned char data[1500];
    (void)state;
    frame_arrives(1, 400, false, 0x1234);
    net_host_run();
    assert_int_equal(udp_receive(socket, data, sizeof data), -EAGAIN);
    frame_arrives(1, 400, true, 0x1234);
    net_host_run();
    assert_int_equal(udp_receive(socket, data, sizeof data), 400);
    socket_end(socket);
}

/* Sockets that nobody reads: lending stops, then copying; the ring stays full, memory stays
 * bounded, and all comes back. */
static void test_unread(void **state)
{
    struct socket *sockets[1] = {udp_open(7)};
    unsigned posted = net_host_posted();
    size_t before = memory_in_use();
    uint64_t copied = net_counters.rx_copied;
    unsigned char data[1500];
    unsigned received = 0;
    (void)state;
    sockets[0]->receive_limit = UINT32_MAX;
    for (unsigned i = 0; i < 10000; i++) {
        frame_arrives((unsigned char)i, 1000, true, 0);
        net_host_run();
        assert_int_equal(net_host_posted(), posted);
    }
    assert_true(net_counters.rx_copied > copied);
    assert_true(memory_in_use() - before < memory_receive_limit() * 2);
    while (udp_receive(sockets[0], data, sizeof data) == 1000) {
        check_payload(data, (unsigned char)received, 1000);
        received++;
    }
    assert_true(received > 1000 && received < 10000);
    assert_int_equal(memory_in_use(), before);
    /* And lending works again. */
    copied = net_counters.rx_copied;
    frame_arrives(3, 1000, true, 0);
    net_host_run();
    assert_int_equal(net_counters.rx_copied, copied);
    assert_int_equal(udp_receive(sockets[0], data, sizeof data), 1000);
    socket_end(sockets[0]);
}

/* The device is told where to complete the checksum, and finds the pseudo-header's sum there. */
static void test_transmit_checksum(void **state)
{
    struct socket *socket = udp_open(1234);
    static const unsigned char data[5000];
    (void)state;
    peer_appears();
    assert_int_equal(udp_send(socket, data, 11), 11);
    assert_int_equal(sent_bytes, 42 + 11);
    assert_int_equal(net_host_meta.csum_start, 34);
    assert_int_equal(net_host_meta.csum_offset, 6);
    const unsigned char pseudo[12] = {10, 0, 0, 2, 10, 0, 0, 1, 0, 17, 0, 8 + 11};
    uint16_t sum = net_checksum(pseudo, sizeof pseudo);
    assert_memory_equal(sent + 40, &sum, 2);
    /* Fragments have their checksum from us. */
    sent_count = 0;
    assert_int_equal(udp_send(socket, data, sizeof data), sizeof data);
    assert_int_equal(sent_count, 4);
    assert_int_equal(net_host_meta.csum_start, 0);
    socket_end(socket);
}

/* With a ring that stands still frames wait, then are dropped; then they go out in order. */
static void test_transmit_full(void **state)
{
    struct socket *socket = udp_open(1234);
    uint64_t dropped = net_counters.tx_dropped;
    (void)state;
    peer_appears();
    net_host_run(); /* nothing is outstanding */
    size_t before = memory_in_use();
    net_host_transmit_stuck = true;
    sent_count = 0;
    for (unsigned i = 0; i < 2000; i++)
        udp_send(socket, &i, sizeof i);
    assert_int_equal(sent_count, 64); /* the device's slots */
    assert_true(net_counters.tx_dropped > dropped);
    net_host_transmit_stuck = false;
    for (int i = 0; i < 40; i++)
        net_host_run();
    assert_int_equal(sent_count, 64 + TRANSMIT_QUEUE);
    unsigned last;
    memcpy(&last, sent + 42, sizeof last);
    assert_int_equal(last, 64 + TRANSMIT_QUEUE - 1);
    assert_int_equal(memory_in_use(), before);
    socket_end(socket);
}

/* Doorbells are rung once for all that one call queued. */
static void test_kicks(void **state)
{
    struct socket *socket = udp_open(1234);
    static const unsigned char data[5000];
    (void)state;
    net_host_run();
    net_host_kicks = 0;
    assert_int_equal(udp_send(socket, data, sizeof data), sizeof data);
    assert_int_equal(net_host_kicks, 1);
    net_host_run();
    assert_int_equal(net_host_kicks, 1);
    socket_end(socket);
}

/* Nothing happens, so nobody needs to wake; a query for a peer's address is repeated a while. */
static void test_quiet(void **state)
{
    struct socket *socket = udp_open(1234);
    struct endpoint to = {.port = 9};
    (void)state;
    net_host_wait(100);
    net_lock();
    assert_true(timers_deadline() == UINT64_MAX);
    const struct iovec piece = {(char[]){"x"}, 1};
    struct span span;
    span_init(&span, &piece, 1);
    IP_ADDR4(&to.ip, 10, 0, 0, 77);
    sent_count = 0;
    assert_int_equal(socket->protocol->send(socket, &span, 0, &to), 1);
    assert_true(timers_deadline() != UINT64_MAX);
    net_unlock();
    net_host_wait(20);
    assert_true(sent_count > 1 && sent[12] == 8 && sent[13] == 6);
    net_lock();
    assert_true(timers_deadline() == UINT64_MAX);
    net_unlock();
    socket_end(socket);
}

/* A router's name server does not push aside the one that the host named. */
static void test_name_servers(void **state)
{
    unsigned char frame[14 + 40 + 16 + 24] = {0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0x86, 0xdd};
    unsigned char *ip = frame + 14, *ra = ip + 40;
    unsigned char pseudo[40 + 40] = {[35] = 40, [39] = 58};
    (void)state;
    ip[0] = 0x60;
    ip[5] = 40;
    ip[6] = 58;
    ip[7] = 255;
    ip[8] = 0xfe; /* fe80::1 to ff02::1 */
    ip[9] = 0x80;
    ip[23] = 1;
    ip[24] = 0xff;
    ip[25] = 2;
    ip[39] = 1;
    ra[0] = 134;
    ra[6] = 7;   /* router lifetime */
    ra[16] = 25; /* RDNSS, RFC 8106 */
    ra[17] = 3;
    ra[22] = 7;
    ra[24] = 0xfd;
    ra[39] = 53;
    memcpy(pseudo, ip + 8, 32);
    memcpy(pseudo + 40, ra, 40);
    uint16_t sum = (uint16_t)~net_checksum(pseudo, sizeof pseudo);
    memcpy(ra + 2, &sum, sizeof sum);
    net_host_frame(frame, sizeof frame, true);
    net_host_run();

    net_lock();
    assert_true(IP_IS_V6(dns_getserver(0))); /* lwIP did put it first */
    name_servers_order();
    assert_true(IP_IS_V4(dns_getserver(0)));
    assert_int_equal(ip_2_ip4(dns_getserver(0))->addr, htonl(0x0a000001));
    assert_true(IP_IS_V6(dns_getserver(1)));
    net_unlock();
}

/* The link's changes are told to lwIP and in the log, once each; when it is up again, the address is
 * announced (RFC 5227, 3). */
static void test_link(void **state)
{
    struct netif *netif = netif_default;
    (void)state;
    net_host_log[0] = 0;
    net_host_run();
    assert_string_equal(net_host_log, "");
    net_host_link(false);
    assert_true(netif_is_link_up(netif)); /* the event alone changes nothing */
    net_host_run();
    assert_false(netif_is_link_up(netif));
    assert_string_equal(net_host_log, "net0: link down");
    net_host_log[0] = 0;
    net_host_link(false); /* an event of something else */
    net_host_run();
    assert_string_equal(net_host_log, "");
    sent_count = 0;
    net_host_link(true);
    net_host_run();
    assert_true(netif_is_link_up(netif));
    assert_string_equal(net_host_log, "net0: link up");
    assert_true(sent_count > 0);
}

/* Last: the device breaks its contract. It is reported once and never called again; the loopback
 * goes on. */
static void test_out_of_service(void **state)
{
    struct socket *socket = udp_open(7);
    struct endpoint self = {.port = 7};
    const struct iovec piece = {(char[]){"x"}, 1};
    struct span span;
    unsigned char data[4];
    (void)state;
    frame_arrives(1, 1000, true, 0); /* lent to the socket */
    net_host_run();
    net_host_break();
    net_host_run();
    assert_int_equal(net_host_out_of_service, 1);
    net_host_wait(5);
    assert_int_equal(net_host_out_of_service, 1);
    assert_true(udp_send(socket, "x", 1) < 0);
    assert_int_equal(udp_receive(socket, data, sizeof data), 4);

    IP_ADDR4(&self.ip, 127, 0, 0, 1);
    span_init(&span, &piece, 1);
    net_lock();
    assert_int_equal(socket->protocol->send(socket, &span, 0, &self), 1);
    net_unlock();
    assert_int_equal(udp_receive(socket, data, sizeof data), 1);
    socket_end(socket);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_frame),
        cmocka_unit_test(test_receive),
        cmocka_unit_test(test_receive_checksum),
        cmocka_unit_test(test_unread),
        cmocka_unit_test(test_transmit_checksum),
        cmocka_unit_test(test_transmit_full),
        cmocka_unit_test(test_kicks),
        cmocka_unit_test(test_quiet),
        cmocka_unit_test(test_name_servers),
        cmocka_unit_test(test_link),
        cmocka_unit_test(test_out_of_service),
    };
    net_host_start(true, false);
    net_host_sent = on_sent;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
