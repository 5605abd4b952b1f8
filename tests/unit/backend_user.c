/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: monitor/net_user.c monitor/slirp_sockets.c monitor/slirp_library.c monitor/net.c */
/* sources: monitor/backend.c monitor/vring.c monitor/iov.c monitor/loop.c monitor/memory.c */
/* sources: monitor/json.c monitor/say.c */
/* sources: tests/unit/backend/fake_guest.c tests/unit/backend/guest_thread.c */
/* libs: -pthread -ldl */
/* User networking: its option, and a guest that speaks ARP, ICMP and the first words of TCP. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/guest_thread.h"
#include "backends.h"

#define RX 0u
#define TX 1u
#define HEADER_BYTES 12u
#define RX_AT 65536u
#define RX_BYTES 2048u
#define TX_AT 16384u

static struct guest_thread vm;
static unsigned rx_posted; /* buffers, each with a slot of its own, in turn */
static unsigned rx_taken;
static int port; /* forwarded to the guest's port 80 */

static int listen_anywhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    port = ntohs(address.sin_port);
    return fd;
}

static int connect_to_guest(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr = {htonl(INADDR_LOOPBACK)},
    };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void post_rx(unsigned count)
{
    for (; count > 0; count--, rx_posted++) {
        const struct fake_segment segment = {RX_AT + rx_posted % 128 * RX_BYTES, RX_BYTES, true};

        guest_post_and_ring(&vm, RX, &segment, 1);
    }
}

static void start(unsigned rx_buffers)
{
    struct device *device;
    char spec[32];

    close(listen_anywhere()); /* a port that is free */
    snprintf(spec, sizeof(spec), "%d:80", port);
    assert_int_equal(net_user_open(spec, &device), 0);
    guest_thread_start(&vm, device, device->features);
    rx_posted = rx_taken = 0;
    post_rx(rx_buffers);
}

static void finish(void)
{
    guest_thread_destroy(&vm);
}

/* The next frame of an EtherType; others (router advertisements) are passed over. */
static const uint8_t *next_frame(uint16_t type, uint32_t *bytes, unsigned timeout_ms)
{
    uint16_t head;
    uint32_t used;

    while (guest_wait(&vm, RX, &head, &used, timeout_ms)) {
        const uint8_t *buffer = guest_ram(&vm.guest, RX_AT + rx_taken++ % 128 * RX_BYTES);
        struct virtio_net_hdr_mrg_rxbuf header;

        memcpy(&header, buffer, sizeof(header));
        assert_int_equal(header.num_buffers, 1);
        assert_int_equal(header.hdr.flags, VIRTIO_NET_HDR_F_DATA_VALID);
        *bytes = used - HEADER_BYTES;
        if (buffer[HEADER_BYTES + 12] == type >> 8 && buffer[HEADER_BYTES + 13] == (type & 0xff))
            return buffer + HEADER_BYTES;
    }
    return NULL;
}

static void transmit(const uint8_t *frame, uint32_t bytes)
{
    const struct fake_segment segments[] = {{TX_AT, HEADER_BYTES, false},
                                            {TX_AT + HEADER_BYTES, bytes, false}};
    uint16_t head;
    uint32_t used;

    memset(guest_ram(&vm.guest, TX_AT), 0, HEADER_BYTES);
    memcpy(guest_ram(&vm.guest, TX_AT + HEADER_BYTES), frame, bytes);
    guest_post_and_ring(&vm, TX, segments, 2);
    assert_true(guest_wait(&vm, TX, &head, &used, 5000));
}

static uint16_t checksum(const uint8_t *data, unsigned bytes)
{
    uint32_t sum = 0;

    for (unsigned i = 0; i < bytes; i += 2)
        sum += (uint32_t)(data[i] << 8 | data[i + 1]);
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void test_refusals(void **state)
{
    static const char *const wrong[] = {
        "8080",    "8080:",    ":80",   ":",        ",",
        "1:1,",    "8080:80x", "0:80",  "80:0",     "65536:80",
        "8:65536", "a:b",      "-1:80", "8080 :80", "99999999999999999999:80",
    };
    struct device *device = NULL;
    const char *said;
    char spec[32], words[32];
    int fd;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        capture_stderr();
        assert_int_equal(net_user_open(wrong[i], &device), -EINVAL);
        said = captured_stderr();
        assert_int_equal(strncmp(said, "coracle: --net user,", 20), 0);
        assert_non_null(strstr(said, "a forward is HOST:GUEST"));
        assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
    }
    fd = listen_anywhere();
    snprintf(spec, sizeof(spec), "%d:80", port);
    snprintf(words, sizeof(words), "port %d of 127.0.0.1: in use", port);
    capture_stderr();
    assert_int_equal(net_user_open(spec, &device), -EADDRINUSE);
    assert_non_null(strstr(captured_stderr(), words));
    close(fd);
    assert_null(device);
}

static void test_description(void **state)
{
    const struct pvn_net_address *address;
    struct device *device;

    (void)state;
    assert_int_equal(net_user_open("", &device), 0);
    address = &device->net;
    assert_memory_equal(address->ip4, "\x0a\0\x02\x0f", 4);
    assert_memory_equal(address->gateway4, "\x0a\0\x02\x02", 4);
    assert_memory_equal(address->dns4, "\x0a\0\x02\x03", 4);
    assert_int_equal(address->prefix4, 24);
    assert_false(device->features & 1u << VIRTIO_NET_F_CSUM);
    device->ops->destroy(device);
}

/* Sends `bytes` bytes of the payload of `packet` (Ethernet, IPv4 without options). */
static void transmit_fragment(const uint8_t *packet, unsigned from, unsigned bytes, bool more)
{
    uint8_t frame[128];
    uint16_t sum;

    memcpy(frame, packet, 34);
    memcpy(frame + 34, packet + 34 + from, bytes);
    frame[17] = (uint8_t)(20 + bytes);
    frame[20] = more ? 0x20 : 0;
    frame[21] = (uint8_t)(from / 8);
    frame[24] = frame[25] = 0;
    sum = checksum(frame + 14, 20);
    frame[24] = (uint8_t)(sum >> 8);
    frame[25] = (uint8_t)sum;
    transmit(frame, 34 + bytes);
}

static void test_arp_and_ping_of_the_gateway(void **state)
{
    uint8_t arp[42] = {[12] = 8, 6, 0, 1,  8,  0, 6, 4,  0,         1, 2, 0,
                       10,       0, 2, 15, 10, 0, 2, 15, [38] = 10, 0, 2, 2};
    uint8_t ping[98] = {[12] = 8, 0, 0x45, 0,  0, 84, 0, 1, 0, 0, 64, 1,    0,    0, 10,
                        0,        2, 15,   10, 0, 2,  2, 8, 0, 0, 0,  0x12, 0x34, 0, 1};
    const uint8_t *frame;
    uint8_t gateway[6];
    uint32_t bytes;
    uint16_t sum;

    (void)state;
    start(64);
    memset(arp, 0xff, 6);
    memcpy(arp + 6, "\x02\0\x0a\0\x02\x0f", 6);
    transmit(arp, sizeof(arp));
    frame = next_frame(0x0806, &bytes, 5000);
    assert_non_null(frame);
    assert_int_equal(frame[21], 2); /* a reply */
    memcpy(gateway, frame + 22, 6);

    memcpy(ping, gateway, 6);
    memcpy(ping + 6, "\x02\0\x0a\0\x02\x0f", 6);
    sum = checksum(ping + 14, 20);
    ping[24] = (uint8_t)(sum >> 8);
    ping[25] = (uint8_t)sum;
    sum = checksum(ping + 34, 64);
    ping[36] = (uint8_t)(sum >> 8);
    ping[37] = (uint8_t)sum;
    transmit(ping, sizeof(ping));
    frame = next_frame(0x0800, &bytes, 5000);
    assert_non_null(frame);
    assert_int_equal(frame[34], 0); /* echo reply */
    assert_memory_equal(frame + 38, ping + 38, 60);

    /* The same as two fragments: those are not given to libslirp. */
    transmit_fragment(ping, 0, 40, true);
    transmit_fragment(ping, 40, 24, false);
    assert_null(next_frame(0x0800, &bytes, 100));
    finish();
}

/* A SYN for port 80 of the guest, without asking for its hardware address first. */
static void expect_syn(void)
{
    uint32_t bytes;
    const uint8_t *frame = next_frame(0x0800, &bytes, 5000);

    assert_non_null(frame);
    assert_memory_equal(frame, "\x02\0\x0a\0\x02\x0f", 6);
    assert_int_equal(frame[23], 6);
    assert_memory_equal(frame + 30, "\x0a\0\x02\x0f", 4);
    assert_memory_equal(frame + 36, "\0\x50", 2);
    assert_int_equal(frame[47] & 0x12, 0x02);
}

static void test_forward_reaches_the_guest(void **state)
{
    int fd;

    (void)state;
    start(64);
    fd = connect_to_guest();
    expect_syn();
    close(fd);
    finish();
}

static void test_who_connects_early_waits(void **state)
{
    int fds[100];
    uint16_t head;
    uint32_t used;

    (void)state;
    start(0);
    for (int i = 0; i < 100; i++)
        fds[i] = connect_to_guest(); /* all at once, though the guest does not listen yet */
    assert_false(guest_wait(&vm, RX, &head, &used, 50));
    post_rx(128);
    for (int i = 0; i < 100; i++)
        expect_syn();
    for (int i = 0; i < 100; i++)
        close(fds[i]);
    finish();
}

static void test_frames_wait_for_buffers(void **state)
{
    int fds[20];

    (void)state;
    start(1);
    for (int i = 0; i < 20; i++)
        fds[i] = connect_to_guest();
    for (int i = 0; i < 20; i++) {
        expect_syn();
        post_rx(1);
    }
    for (int i = 0; i < 20; i++)
        close(fds[i]);
    finish();
}

static uint64_t cpu_ns(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

static void test_idle_means_idle(void **state)
{
    struct rusage before, after;
    uint64_t cpu;

    (void)state;
    start(64);
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    getrusage(RUSAGE_SELF, &before);
    cpu = cpu_ns();
    nanosleep(&(struct timespec){.tv_sec = 2}, NULL);
    getrusage(RUSAGE_SELF, &after);
    /* This sleep is one wake-up; libslirp's own idea would be four more. */
    assert_in_range(after.ru_nvcsw - before.ru_nvcsw, 0, 2);
    assert_in_range(cpu_ns() - cpu, 0, 20000000);
    finish();
}

static void test_hostile_transmit(void **state)
{
    uint8_t frame[2000];

    (void)state;
    start(64);
    srand(1);
    for (int i = 0; i < 2000; i++) {
        uint32_t bytes = (uint32_t)rand() % sizeof(frame);

        for (uint32_t j = 0; j < bytes; j++)
            frame[j] = (uint8_t)rand();
        if (bytes > 14 && i % 4 != 0)
            memcpy(frame + 12,
                   i % 4 == 1   ? "\x08\x00\x45"
                   : i % 4 == 2 ? "\x86\xdd\x60"
                                : "\x08\x06",
                   3);
        transmit(frame, bytes);
    }
    assert_false(vm.guest.device->failed);
    finish();
}

static void test_frame_without_header(void **state)
{
    const struct fake_segment tiny[] = {{TX_AT, HEADER_BYTES - 1, false}};

    (void)state;
    start(4);
    guest_post_and_ring(&vm, TX, tiny, 1);
    assert_true(guest_wait_failed(&vm));
    close(connect_to_guest()); /* the device is out of service, and nothing else is */
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_description),
        cmocka_unit_test(test_arp_and_ping_of_the_gateway),
        cmocka_unit_test(test_forward_reaches_the_guest),
        cmocka_unit_test(test_who_connects_early_waits),
        cmocka_unit_test(test_frames_wait_for_buffers),
        cmocka_unit_test(test_idle_means_idle),
        cmocka_unit_test(test_hostile_transmit),
        cmocka_unit_test(test_frame_without_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
