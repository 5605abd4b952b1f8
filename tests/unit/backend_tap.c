/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: monitor/net_tap.c monitor/net.c monitor/backend.c monitor/vring.c monitor/iov.c */
/* sources: monitor/loop.c monitor/memory.c monitor/json.c monitor/say.c */
/* sources: tests/unit/backend/fake_guest.c tests/unit/backend/guest_thread.c */
/* libs: -pthread */
/* The tap backend: its option, and frames over a real tap interface in a network namespace of its
 * own, where this process may make one. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/guest_thread.h"
#include "backends.h"
#include "net.h"

#define IF_NAME "cortest0"
#define RX 0u
#define TX 1u
#define HEADER_BYTES 12u
#define TYPE 0x88b5u /* an EtherType for experiments */

static struct guest_thread vm;
static int wire = -1; /* a packet socket on the interface: the host's side */

static void expect_refusal(const char *spec, int result, const char *words)
{
    struct device *device = NULL;
    const char *said;

    capture_stderr();
    assert_int_equal(net_tap_open(spec, &device), result);
    said = captured_stderr();
    assert_null(device);
    assert_int_equal(strncmp(said, "coracle: --net tap:", 19), 0);
    assert_non_null(strstr(said, words));
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

static void test_refusals(void **state)
{
    (void)state;
    expect_refusal("", -EINVAL, "no name of an interface");
    expect_refusal("averyverylonginterfacename", -EINVAL, "no name of an interface");
    expect_refusal("nosuchif0", -ENODEV, "there is no interface nosuchif0");
    expect_refusal("lo", -EINVAL, "not a tap interface");
    expect_refusal("nosuchif0,", -EINVAL, "expected IFNAME");
    expect_refusal("nosuchif0,gw=10.0.0.1", -EINVAL, "expected IFNAME");
    expect_refusal("nosuchif0,ip=10.0.0.2", -EINVAL, "prefix is missing");
    expect_refusal("nosuchif0,ip=10.0.0.2/", -EINVAL, "prefix is missing");
    expect_refusal("nosuchif0,ip=10.0.0.2/-1", -EINVAL, "prefix is missing");
    expect_refusal("nosuchif0,ip=10.0.0.2/33", -EINVAL, "1 to 32");
    expect_refusal("nosuchif0,ip=10.0.0.2/0", -EINVAL, "1 to 32");
    expect_refusal("nosuchif0,ip=10.0.0.2/24x", -EINVAL, "1 to 32");
    expect_refusal("nosuchif0,ip=10.0.0/24", -EINVAL, "no IPv4 address");
    expect_refusal("nosuchif0,ip=fd00::1/24", -EINVAL, "no IPv4 address");
    expect_refusal("nosuchif0,ip=10.0.0.0/24", -EINVAL, "one host");
    expect_refusal("nosuchif0,ip=10.0.0.255/24", -EINVAL, "one host");
    expect_refusal("nosuchif0,ip=224.0.0.1/24", -EINVAL, "one host");
    expect_refusal("nosuchif0,ip=127.0.0.1/8", -EINVAL, "one host");
    expect_refusal("nosuchif0,ip=10.0.0.2/24,gw=10.0.1.1", -EINVAL, "gateway");
    expect_refusal("nosuchif0,ip=10.0.0.2/24,gw=10.0.0.2", -EINVAL, "gateway");
    expect_refusal("nosuchif0,ip=10.0.0.2/24,gw=x", -EINVAL, "no IPv4 address");
    expect_refusal("nosuchif0,ip=10.0.0.2/24,gw=10.0.0.1,x", -EINVAL, "no IPv4 address");
    expect_refusal("nosuchif0,ip=10.0.0.2/24,gw=10.0.0.1", -ENODEV, "there is no interface");
}

/* A namespace with one persistent tap, up; skips the test where that is not allowed. */
static void make_tap(void)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(TYPE)};
    int fd, control, one = 1;

    if (unshare(CLONE_NEWNET) < 0)
        skip();
    /* Or else the kernel looks for its IPv6 neighbours there, in between our frames. */
    fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        assert_int_equal(write(fd, "1", 1), 1);
        close(fd);
    }
    fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    strcpy(request.ifr_name, IF_NAME);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETPERSIST, 1) < 0)
        skip();
    close(fd);
    control = socket(AF_INET, SOCK_DGRAM, 0);
    memset(&request, 0, sizeof(request));
    strcpy(request.ifr_name, IF_NAME);
    request.ifr_flags = IFF_UP;
    assert_int_equal(ioctl(control, SIOCSIFFLAGS, &request), 0);
    request.ifr_mtu = 1400;
    assert_int_equal(ioctl(control, SIOCSIFMTU, &request), 0);
    close(control);

    wire = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(TYPE));
    /* Past the queueing discipline, which drops what comes soon after the interface went up. */
    assert_int_equal(setsockopt(wire, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)), 0);
    address.sll_ifindex = (int)if_nametoindex(IF_NAME);
    assert_int_equal(bind(wire, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void start_with(const char *options, uint64_t features)
{
    struct device *device;
    char spec[80];

    make_tap();
    snprintf(spec, sizeof(spec), IF_NAME "%s", options);
    assert_int_equal(net_tap_open(spec, &device), 0);
    guest_thread_start(&vm, device, device->features & features);
}

/* Without what large frames need. */
static void start(const char *options)
{
    start_with(options, ~(uint64_t)NET_LARGE_FEATURES);
}

static void finish(void)
{
    guest_thread_destroy(&vm);
    close(wire);
}

static void make_frame(uint8_t *frame, uint32_t bytes, uint8_t seed)
{
    memset(frame, 0xff, 6);
    memcpy(frame + 6, "\x02\0\0\0\0\x01\x88\xb5", 8);
    for (uint32_t i = 14; i < bytes; i++)
        frame[i] = (uint8_t)(seed + i);
}

static void post_rx(uint32_t offset, uint32_t bytes)
{
    const struct fake_segment segments[] = {{offset, 6, true}, {offset + 6, bytes - 6, true}};

    guest_post_and_ring(&vm, RX, segments, 2);
}

static void send_to_guest(uint32_t bytes, uint8_t seed)
{
    uint8_t frame[2048];

    make_frame(frame, bytes, seed);
    assert_int_equal(send(wire, frame, bytes, 0), bytes);
}

static void expect_rx(uint32_t offset, uint32_t bytes, uint8_t seed)
{
    struct virtio_net_hdr_mrg_rxbuf header;
    uint8_t frame[2048];
    uint16_t head;
    uint32_t used;

    assert_true(guest_wait(&vm, RX, &head, &used, 5000));
    assert_int_equal(used, HEADER_BYTES + bytes);
    memcpy(&header, guest_ram(&vm.guest, offset), sizeof(header));
    assert_int_equal(header.num_buffers, 1);
    assert_int_equal(header.hdr.gso_type, VIRTIO_NET_HDR_GSO_NONE);
    make_frame(frame, bytes, seed);
    assert_memory_equal(guest_ram(&vm.guest, offset + HEADER_BYTES), frame, bytes);
}

static void test_description(void **state)
{
    struct virtio_net_config config = {0};
    const struct pvn_net_address *address;
    struct device *device = NULL;

    (void)state;
    start(",ip=192.168.7.2/28,gw=192.168.7.1");
    device = vm.guest.device;
    memcpy(&config, device->config, device->config_bytes);
    assert_int_equal(config.mtu, 1400);
    assert_int_equal(config.mac[0] & 3, 2);
    address = &device->net;
    assert_memory_equal(address->ip4, "\xc0\xa8\x07\x02", 4);
    assert_memory_equal(address->gateway4, "\xc0\xa8\x07\x01", 4);
    assert_int_equal(address->prefix4, 28);
    expect_refusal(IF_NAME, -EBUSY, "in use");
    finish();
}

static void test_receive(void **state)
{
    (void)state;
    start("");
    post_rx(16384, 1600);
    send_to_guest(60, 1);
    expect_rx(16384, 60, 1);
    /* Without a buffer, frames wait; they come when there is one. */
    for (uint8_t i = 0; i < 3; i++)
        send_to_guest(100u + i, i);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    for (unsigned i = 0; i < 3; i++)
        post_rx(16384 + i * 2048, 1600);
    for (uint8_t i = 0; i < 3; i++)
        expect_rx(16384u + i * 2048u, 100u + i, i);
    finish();
}

static void test_frame_too_long_is_dropped(void **state)
{
    (void)state;
    start("");
    post_rx(16384, HEADER_BYTES + 100);
    send_to_guest(101, 1);
    send_to_guest(100, 2); /* into the same buffer */
    expect_rx(16384, 100, 2);
    finish();
}

static void post_tx(uint32_t offset, uint32_t bytes, uint8_t flags, uint8_t gso_type, uint8_t seed)
{
    struct virtio_net_hdr_mrg_rxbuf header = {.hdr = {.flags = flags, .gso_type = gso_type}};
    const struct fake_segment segments[] = {{offset, 20, false}, {offset + 20, bytes - 8, false}};

    memcpy(guest_ram(&vm.guest, offset), &header, sizeof(header));
    make_frame(guest_ram(&vm.guest, offset + HEADER_BYTES), bytes, seed);
    guest_post_and_ring(&vm, TX, segments, 2);
}

static ssize_t receive(uint8_t *frame, size_t bytes)
{
    for (int i = 0; i < 2000; i++) {
        ssize_t got = recv(wire, frame, bytes, 0);

        if (got >= 0)
            return got;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return -1;
}

static void test_transmit(void **state)
{
    uint8_t frame[2048], expected[2048];
    uint16_t head;
    uint32_t used;

    (void)state;
    start("");
    for (uint8_t i = 0; i < 100; i++) {
        post_tx(16384, 200u + i, 0, 0, i);
        assert_true(guest_wait(&vm, TX, &head, &used, 5000));
        assert_int_equal(used, 0);
        assert_int_equal(receive(frame, sizeof(frame)), 200 + i);
        make_frame(expected, 200u + i, i);
        assert_memory_equal(frame, expected, 200u + i);
    }
    /* Segmentation was not accepted: such a frame does not leave, the next one does. */
    post_tx(16384, 300, 0, VIRTIO_NET_HDR_GSO_TCPV4, 7);
    post_tx(20480, 301, 0, 0, 8);
    assert_int_equal(receive(frame, sizeof(frame)), 301);
    finish();
}

/* A TCP segment for nobody; large where `payload` is above `segment`. */
static uint32_t make_tcp(uint8_t *frame, uint32_t payload, uint16_t segment,
                         struct virtio_net_hdr *header)
{
    uint32_t bytes = 54 + payload;

    memset(frame, 0, 54);
    memcpy(frame, "\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\0\x45", 15);
    frame[16] = (uint8_t)((bytes - 14) >> 8);
    frame[17] = (uint8_t)(bytes - 14);
    frame[22] = 64;
    frame[23] = 6;
    frame[46] = 0x50;
    frame[47] = 0x10;
    for (uint32_t i = 54; i < bytes; i++)
        frame[i] = (uint8_t)i;
    *header = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                      .gso_type = segment ? VIRTIO_NET_HDR_GSO_TCPV4 : 0,
                                      .hdr_len = segment ? 54 : 0,
                                      .gso_size = segment,
                                      .csum_start = 34,
                                      .csum_offset = 16};
    return bytes;
}

/* From now on frames of IPv4 go over the wire, with a header that says what is large. */
static void wire_takes_large(void)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                  .sll_protocol = htons(ETH_P_IP),
                                  .sll_ifindex = (int)if_nametoindex(IF_NAME)};
    int one = 1;

    assert_int_equal(setsockopt(wire, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)), 0);
    assert_int_equal(bind(wire, (struct sockaddr *)&address, sizeof(address)), 0);
}

/* Frames of a large size, in as many buffers as they need and shown together; small ones in one. */
static void test_merged_receive(void **state)
{
    static uint8_t frame[12 + 5054];
    struct virtio_net_hdr header;
    struct virtio_net_hdr_mrg_rxbuf got;
    uint32_t used, bytes = make_tcp(frame + 10, 5000, 1000, &header);
    uint16_t head;

    (void)state;
    start_with("", UINT64_MAX);
    wire_takes_large();
    for (unsigned i = 0; i < 32; i++)
        post_rx(16384 + i * 2048, 2048);
    memcpy(frame, &header, sizeof(header));
    /* The interface takes it once the driver's features have come there. */
    for (int i = 0; i < 2000 && send(wire, frame, 10 + bytes, 0) != 10 + (ssize_t)bytes; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_false(guest_wait(&vm, RX, &head, &used, 50)); /* 64 KiB are not there yet */
    post_rx(16384 + 32 * 2048, 2048);
    for (unsigned i = 0; i < 3; i++) {
        uint32_t expected = i < 2 ? 2048 : HEADER_BYTES + bytes - 4096;

        assert_true(guest_wait(&vm, RX, &head, &used, 5000));
        assert_int_equal(used, expected);
    }
    memcpy(&got, guest_ram(&vm.guest, 16384), sizeof(got));
    assert_int_equal(got.num_buffers, 3);
    assert_int_equal(got.hdr.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
    assert_int_equal(got.hdr.gso_size, 1000);
    assert_memory_equal(guest_ram(&vm.guest, 16384 + HEADER_BYTES + 54), frame + 10 + 54, 1982);
    assert_memory_equal(guest_ram(&vm.guest, 16384 + 2048), frame + 10 + 2036, 2048);
    finish();
}

/* A large frame leaves as the guest gave it, if all its fields make sense. */
static void test_large_transmit(void **state)
{
    static uint8_t frame[8192];
    const struct fake_segment segments[] = {{16384, HEADER_BYTES + 3054, false}};
    static const struct {
        uint8_t type;
        uint16_t header_bytes, segment_bytes, csum_start;
        bool partial;
    } wrong[] = {{1, 54, 0, 34, true},     {1, 13, 1000, 34, true},   {1, 3054, 1000, 34, true},
                 {1, 54, 1000, 34, false}, {1, 54, 1000, 3040, true}, {0x81, 54, 1000, 34, true},
                 {3, 54, 1000, 34, true},  {5, 54, 1000, 34, true}};
    struct virtio_net_hdr_mrg_rxbuf header = {0};
    uint16_t head;
    uint32_t used;

    (void)state;
    start_with("", UINT64_MAX);
    wire_takes_large();
    make_tcp(guest_ram(&vm.guest, 16384 + HEADER_BYTES), 3000, 1000, &header.hdr);
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct virtio_net_hdr_mrg_rxbuf bad = header;

        bad.hdr.gso_type = wrong[i].type;
        bad.hdr.hdr_len = wrong[i].header_bytes;
        bad.hdr.gso_size = wrong[i].segment_bytes;
        bad.hdr.csum_start = wrong[i].csum_start;
        bad.hdr.flags = wrong[i].partial;
        memcpy(guest_ram(&vm.guest, 16384), &bad, sizeof(bad));
        guest_post_and_ring(&vm, TX, segments, 1);
        assert_true(guest_wait(&vm, TX, &head, &used, 5000));
    }
    memcpy(guest_ram(&vm.guest, 16384), &header, sizeof(header));
    guest_post_and_ring(&vm, TX, segments, 1);
    /* The first that arrives is the good one. */
    assert_int_equal(receive(frame, sizeof(frame)), 10 + 3054);
    memcpy(&header, frame, 10);
    assert_int_equal(header.hdr.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
    assert_int_equal(header.hdr.gso_size, 1000);
    assert_memory_equal(frame + 10 + 54, guest_ram(&vm.guest, 16384 + HEADER_BYTES + 54), 3000);
    assert_false(vm.guest.device->failed);
    finish();
}

static void test_hostile_transmit(void **state)
{
    const struct fake_segment no_header[] = {{16384, HEADER_BYTES - 1, false}};

    (void)state;
    start("");
    guest_post_and_ring(&vm, TX, no_header, 1);
    assert_true(guest_wait_failed(&vm));
    finish();
}

static void test_hostile_receive(void **state)
{
    const struct fake_segment tiny[] = {{16384, HEADER_BYTES, true}};

    (void)state;
    start("");
    guest_post_and_ring(&vm, RX, tiny, 1);
    assert_true(guest_wait_failed(&vm));
    finish();
}

static void test_interface_goes_away(void **state)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg link;
    } message = {.header = {.nlmsg_len = sizeof(message),
                            .nlmsg_type = RTM_DELLINK,
                            .nlmsg_flags = NLM_F_REQUEST}};
    int netlink;
    bool said;

    (void)state;
    start("");
    post_rx(16384, 1600);
    send_to_guest(60, 1);
    expect_rx(16384, 60, 1);
    post_rx(16384, 1600);
    capture_stderr();
    netlink = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    message.link.ifi_index = (int)if_nametoindex(IF_NAME);
    assert_int_equal(send(netlink, &message, sizeof(message), 0), sizeof(message));
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    post_tx(20480, 100, 0, 0, 1); /* is lost, nothing worse */
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    said = strstr(captured_stderr(), "receiving stops") != NULL;
    close(netlink);
    assert_true(said);
    assert_false(vm.guest.device->failed);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),        cmocka_unit_test(test_description),
        cmocka_unit_test(test_receive),         cmocka_unit_test(test_frame_too_long_is_dropped),
        cmocka_unit_test(test_merged_receive),  cmocka_unit_test(test_large_transmit),
        cmocka_unit_test(test_transmit),        cmocka_unit_test(test_hostile_transmit),
        cmocka_unit_test(test_hostile_receive), cmocka_unit_test(test_interface_goes_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
