/* SPDX-License-Identifier: BSD-2-Clause */
/* like: tests/unit/support/net_host.h */
/*
 * Feeds received frames to the whole network stack: as they come, or as TCP segments, UDP datagrams
 * and fragments that fit the connections there are. Sockets accept, read, write and close
 * meanwhile, and time passes. What must hold: no assertion of lwIP or ours fails, the receive ring
 * is always full, and when all is over no memory is left taken.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>

#include "kernel/log.h"
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/priv/tcp_priv.h"
#include "socket.h"
#include "stack.h"
#include "tests/unit/support/net_host.h"

#define CONNECTIONS 8

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

struct input {
    const uint8_t *at;
    size_t left;
};

static struct file nonblocking = {.flags = O_NONBLOCK};
static struct socket *listener, *udp, *client;
static struct socket *connections[CONNECTIONS];

/* The stack's last TCP segment, from which fitting answers are made. */
static struct {
    uint32_t sequence, acknowledged;
    uint16_t source, destination;
} last;

static uint8_t take(struct input *input)
{
    if (!input->left)
        return 0;
    input->left--;
    return *input->at++;
}

static size_t take_bytes(struct input *input, uint8_t *to, size_t most)
{
    size_t bytes = take(input) * 6u;
    if (bytes > input->left)
        bytes = input->left;
    if (bytes > most)
        bytes = most;
    memcpy(to, input->at, bytes);
    input->at += bytes;
    input->left -= bytes;
    return bytes;
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

static void on_sent(const unsigned char *frame, size_t bytes)
{
    if (bytes < 54 || frame[12] != 8 || frame[13] != 0 || frame[23] != 6)
        return;
    last.source = (uint16_t)(frame[34] << 8 | frame[35]);
    last.destination = (uint16_t)(frame[36] << 8 | frame[37]);
    size_t headers = 34 + (frame[46] >> 4) * 4u;
    last.sequence = get32(frame + 38) + (uint32_t)(bytes - headers) + !!(frame[47] & 3);
    last.acknowledged = get32(frame + 42);
}

/* Ethernet and IPv4 headers around `bytes` bytes of payload; the frame's length. */
static size_t put_ip4(uint8_t *frame, unsigned protocol, size_t bytes, unsigned fragment)
{
    static const uint8_t ethernet[14] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0};
    static const uint8_t addresses[8] = {10, 0, 0, 1, 10, 0, 0, 2};
    uint8_t *ip = frame + 14;
    memcpy(frame, ethernet, sizeof ethernet);
    memset(ip, 0, 12);
    ip[0] = 0x45;
    put16(ip + 2, (unsigned)(20 + bytes));
    put16(ip + 6, fragment);
    ip[8] = 64;
    ip[9] = (uint8_t)protocol;
    memcpy(ip + 12, addresses, sizeof addresses);
    uint16_t sum = (uint16_t)~net_checksum(ip, 20);
    memcpy(ip + 10, &sum, sizeof sum);
    return 34 + bytes;
}

/* ---- actions ------------------------------------------------------------------------------ */

static void raw_frame(struct input *input)
{
    uint8_t frame[1600];
    bool mend = take(input) & 1;
    size_t bytes = take_bytes(input, frame, 1514);
    if (mend && bytes >= 34 && frame[12] == 8 && frame[13] == 0) {
        memset(frame + 24, 0, 2);
        uint16_t sum = (uint16_t)~net_checksum(frame + 14, 20);
        memcpy(frame + 24, &sum, sizeof sum);
    }
    net_host_frame(frame, bytes, mend);
}

static void tcp_segment(struct input *input)
{
    static uint8_t frame[66000];
    uint8_t *tcp = frame + 34;
    unsigned kind = take(input);
    memset(tcp, 0, 20);
    put16(tcp, kind & 1 ? last.destination : 1000u + take(input));
    put16(tcp + 2, kind & 1 ? last.source : 80);
    put32(tcp + 4, last.acknowledged + (kind & 2 ? (uint32_t)(int8_t)take(input) * 64 : 0));
    put32(tcp + 8, last.sequence - (kind & 4 ? (uint32_t)take(input) : 0));
    tcp[13] = take(input);
    tcp[12] = kind & 8 ? take(input) & 0xf0 : 0x50;
    put16(tcp + 14, kind & 16 ? take(input) : 0x7000);
    size_t bytes = 20 + take_bytes(input, tcp + 20, 1460);
    if (kind & 32) /* several segments in one frame */
        bytes += take(input) * 250u;
    net_host_frame(frame, put_ip4(frame, 6, bytes, 0), true);
}

static void udp_datagram(struct input *input)
{
    uint8_t frame[1600];
    uint8_t *header = frame + 34;
    unsigned kind = take(input);
    put16(header, kind & 1 ? 53 : 5000);
    put16(header + 2, kind & 2 ? 68 : 7);
    size_t bytes = 8 + take_bytes(input, header + 8, 1400);
    put16(header + 4, kind & 4 ? take(input) : (unsigned)bytes);
    put16(header + 6, 0);
    unsigned fragment = kind & 8 ? (take(input) << 8 | take(input)) & 0x3fff : 0;
    net_host_frame(frame, put_ip4(frame, kind & 16 ? take(input) : 17, bytes, fragment), true);
}

/* IPv6 from a link-local neighbour, to ours or a group; ICMPv6 gets its checksum. */
static void ip6_packet(struct input *input)
{
    uint8_t frame[1600] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd};
    static const uint8_t from[16] = {0xfe, 0x80, [11] = 0xff, [12] = 0xfe, [15] = 1};
    static const uint8_t ours[16] = {0xfe, 0x80, [11] = 0xff, [12] = 0xfe, [15] = 2};
    uint8_t *ip = frame + 14;
    uint8_t pseudo[40 + 1500] = {0};
    unsigned kind = take(input);
    ip[0] = 0x60;
    ip[6] = kind & 1 ? take(input) : 58;
    ip[7] = 255;
    memcpy(ip + 8, from, 16);
    memcpy(ip + 24, ours, 16);
    ip[8 + 8] = ip[24 + 8] = 0x00;
    if (kind & 2) {
        memset(ip + 24, 0, 16);
        ip[24] = 0xff;
        ip[25] = 2;
        ip[39] = 1;
    }
    size_t bytes = take_bytes(input, ip + 40, 1400);
    put16(ip + 4, (unsigned)bytes);
    if (ip[6] == 58 && bytes >= 4) {
        memset(ip + 42, 0, 2);
        memcpy(pseudo, ip + 8, 32);
        put16(pseudo + 34, (unsigned)bytes);
        pseudo[39] = 58;
        memcpy(pseudo + 40, ip + 40, bytes);
        uint16_t sum = (uint16_t)~net_checksum(pseudo, (int)(40 + bytes));
        memcpy(ip + 42, &sum, sizeof sum);
    }
    net_host_frame(frame, 54 + bytes, true);
}

static void arp_reply(struct input *input)
{
    uint8_t frame[64] = {2, 0, 0, 0, 0, 2, 2, 0,  0, 0, 0, 1, 8, 6, 0, 1, 8, 0,  6, 4, 0,
                         2, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 2, 0, 0, 0, 0, 2, 10, 0, 0, 2};
    frame[21] = 1 + (take(input) & 1);
    net_host_frame(frame, 42 + take(input) % 20, false);
}

/* Connects, accepts, reads, writes, closes. */
static void use_sockets(struct input *input)
{
    static uint8_t buffer[8192];
    const struct iovec piece = {buffer, 1u + take(input) * 32u};
    struct span span;
    struct endpoint peer;
    unsigned kind = take(input), which = kind / 8 % CONNECTIONS;
    int flags = 0;
    struct socket *socket = connections[which];

    span_init(&span, &piece, 1);
    net_lock();
    if (!socket) {
        if (listener->protocol->accept(listener, &connections[which]) == 0)
            connections[which]->file = &nonblocking;
    } else if (kind % 8 < 2) {
        socket->protocol->receive(socket, &span, &flags, &peer);
    } else if (kind % 8 < 5) {
        socket->protocol->send(socket, &span, 0, NULL);
    } else if (kind % 8 < 6) {
        socket->protocol->shutdown(socket, kind & 8, kind & 16);
    } else {
        socket->protocol->close(socket, false);
        connections[which] = NULL;
    }
    span_init(&span, &piece, 1);
    if (kind & 64)
        udp->protocol->receive(udp, &span, &flags, &peer);
    if (kind & 128) {
        struct endpoint remote = {.port = 99};
        IP_ADDR4(&remote.ip, 10, 0, 0, 1);
        client->protocol->connect(client, &remote);
    }
    net_unlock();
}

/* ---- one input ---------------------------------------------------------------------------- */

static struct socket *open_socket(int type, const struct protocol *protocol, unsigned port)
{
    struct endpoint any = {.port = (uint16_t)port};
    struct socket *socket = socket_new(AF_INET, type, 0, protocol);
    socket->file = &nonblocking;
    protocol->open(socket);
    if (port)
        kassert(protocol->bind(socket, &any) == 0);
    return socket;
}

static void begin(void)
{
    net_lock();
    listener = open_socket(SOCK_STREAM, &stream_protocol, 80);
    kassert(listener->protocol->listen(listener, 16) == 0);
    udp = open_socket(SOCK_DGRAM, &datagram_protocol, 7);
    client = open_socket(SOCK_STREAM, &stream_protocol, 0);
    net_unlock();
    memset(&last, 0, sizeof last);
}

static void close_socket(struct socket **socket)
{
    if (*socket)
        (*socket)->protocol->close(*socket, false);
    *socket = NULL;
}

/* Everything is closed, and what lwIP still holds runs out. */
static void end(void)
{
    net_lock();
    for (int i = 0; i < CONNECTIONS; i++)
        close_socket(&connections[i]);
    close_socket(&listener);
    close_socket(&udp);
    close_socket(&client);
    while (tcp_active_pcbs)
        tcp_abort(tcp_active_pcbs);
    while (tcp_tw_pcbs)
        tcp_abort(tcp_tw_pcbs);
    net_unlock();
    net_host_wait(70);
    net_lock();
    struct netif *netif;
    NETIF_FOREACH(netif) {
        etharp_cleanup_netif(netif);
        nd6_cleanup_netif(netif);
    }
    net_unlock();
    net_host_wait(1);
}

static void act(struct input *input)
{
    switch (take(input) % 8) {
    case 0:
        raw_frame(input);
        break;
    case 1:
    case 2:
        tcp_segment(input);
        break;
    case 3:
        udp_datagram(input);
        break;
    case 4:
        ip6_packet(input);
        break;
    case 5:
        arp_reply(input);
        break;
    case 6:
        net_host_now_ns += take(input) * 20000000ull;
        break;
    default:
        use_sockets(input);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static size_t baseline;
    static unsigned posted;
    static const uint8_t first_frame[60]; /* for nobody: the ring is full from now on */
    struct input input = {data, size};

    if (!posted) {
        net_host_start(true, true);
        net_host_sent = on_sent;
        begin();
        net_host_frame(first_frame, sizeof first_frame, false);
        net_host_run();
        end();
        posted = net_host_posted();
        baseline = memory_in_use();
    }
    begin();
    while (input.left) {
        act(&input);
        if (take(&input) & 1)
            net_host_run();
    }
    net_host_run();
    kassert(net_host_posted() == posted);
    end();
    if (memory_in_use() > baseline)
        panic("%zu bytes are lost", memory_in_use() - baseline);
    return 0;
}
