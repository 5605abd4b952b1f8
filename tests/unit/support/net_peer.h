/* SPDX-License-Identifier: BSD-2-Clause */
/* like: tests/unit/support/net_host.h */
/*
 * A TCP peer that the test plays, behind the device of net_host.h: what it sends, what it is sent, and
 * connections that it opens to port 80. For cmocka tests, which include it once.
 */
#ifndef SUPPORT_NET_PEER_H
#define SUPPORT_NET_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "interface.h"
#include "lwip/priv/tcp_priv.h"
#include "socket.h"
#include "stack.h"
#include "tests/unit/support/net_host.h"

#define FRAMES_MOST 200u
#define MSS 1460u
#define FLAG_FIN 1u
#define FLAG_SYN 2u
#define FLAG_RST 4u
#define FLAG_PSH 8u
#define FLAG_ACK 16u

static struct file nonblocking = {.flags = O_NONBLOCK};

/* What the device was given to send. */
static struct sent {
    unsigned char *bytes;
    size_t length;
    struct pv_net_meta meta;
} sent[FRAMES_MOST];
static unsigned sent_count;

/* The connection, as the peer sees it. */
static uint32_t peer_sequence, peer_expects;
static unsigned peer_port = 999;

static inline void on_sent(const unsigned char *frame, size_t bytes)
{
    assert_true(sent_count < FRAMES_MOST);
    sent[sent_count].bytes = malloc(bytes);
    memcpy(sent[sent_count].bytes, frame, bytes);
    sent[sent_count].length = bytes;
    sent[sent_count++].meta = net_host_meta;
}

static inline void sent_forget(void)
{
    while (sent_count)
        free(sent[--sent_count].bytes);
}

static inline unsigned get16(const unsigned char *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static inline uint32_t get32(const unsigned char *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static inline void put16(unsigned char *at, unsigned value)
{
    at[0] = (unsigned char)(value >> 8);
    at[1] = (unsigned char)value;
}

static inline void put32(unsigned char *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

static inline unsigned char payload_at(size_t at)
{
    return (unsigned char)(at * 2654435761u >> 13);
}

/* A segment from the peer, with payload that goes on from `at`. */
static inline void peer_sends(unsigned flags, size_t bytes, size_t at)
{
    static unsigned char frame[66000] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0};
    static const unsigned char addresses[8] = {10, 0, 0, 1, 10, 0, 0, 2};
    unsigned char *ip = frame + 14, *tcp = frame + 34;
    unsigned header = flags & FLAG_SYN ? 24 : 20;

    memset(ip, 0, 44);
    ip[0] = 0x45;
    put16(ip + 2, (unsigned)(20 + header + bytes));
    ip[8] = 64;
    ip[9] = 6;
    memcpy(ip + 12, addresses, sizeof addresses);
    uint16_t sum = (uint16_t)~net_checksum(ip, 20);
    memcpy(ip + 10, &sum, sizeof sum);
    put16(tcp, peer_port);
    put16(tcp + 2, 80);
    put32(tcp + 4, peer_sequence);
    put32(tcp + 8, peer_expects);
    tcp[12] = (unsigned char)(header * 4);
    tcp[13] = (unsigned char)flags;
    put16(tcp + 14, 0xffff);
    if (flags & FLAG_SYN) {
        tcp[20] = 2; /* MSS */
        tcp[21] = 4;
        put16(tcp + 22, MSS);
    }
    for (size_t i = 0; i < bytes; i++)
        tcp[header + i] = payload_at(at + i);
    peer_sequence += (uint32_t)bytes + !!(flags & (FLAG_SYN | FLAG_FIN));
    net_host_frame(frame, 34 + header + bytes, true);
}

static inline struct socket *listening(void)
{
    struct endpoint any = {.port = 80};
    struct socket *socket = socket_new(AF_INET, SOCK_STREAM, 0, &stream_protocol);
    net_lock();
    socket->file = &nonblocking;
    assert_int_equal(socket->protocol->open(socket), 0);
    assert_int_equal(socket->protocol->bind(socket, &any), 0);
    assert_int_equal(socket->protocol->listen(socket, 4), 0);
    net_unlock();
    return socket;
}

/* An established connection; the peer's hardware address is known from its packets. */
static inline struct socket *connected(void)
{
    static struct socket *listener;
    static const unsigned char request[42] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0,  0, 0, 0, 1, 8, 6, 0, 1, 8, 0,  6, 4, 0,
        1,    2,    0,    0,    0,    0,    1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2};
    struct socket *socket = NULL;

    if (!listener)
        listener = listening();
    net_host_frame(request, sizeof request, false);
    net_host_run();
    sent_forget();
    peer_port++;
    peer_expects = 0;
    peer_sends(FLAG_SYN, 0, 0);
    net_host_run();
    assert_int_equal(sent_count, 1);
    assert_int_equal(sent[0].bytes[47], FLAG_SYN | FLAG_ACK);
    peer_expects = get32(sent[0].bytes + 38) + 1;
    peer_sends(FLAG_ACK, 0, 0);
    net_host_run();
    net_lock();
    assert_int_equal(listener->protocol->accept(listener, &socket), 0);
    socket->file = &nonblocking;
    tcp_nagle_disable(socket->pcb.tcp);
    net_unlock();
    sent_forget();
    return socket;
}

static inline void disconnect(struct socket *socket)
{
    net_lock();
    if (socket->pcb.tcp)
        tcp_abort(socket->pcb.tcp);
    socket->protocol->close(socket, false);
    net_unlock();
    net_host_run();
    sent_forget();
}

static inline ssize_t receive(struct socket *socket, void *data, size_t bytes)
{
    const struct iovec piece = {data, bytes};
    struct span span;
    int flags = 0;
    span_init(&span, &piece, 1);
    net_lock();
    ssize_t result = socket->protocol->receive(socket, &span, &flags, NULL);
    net_unlock();
    return result;
}

/* As much as goes. */
static inline ssize_t send_some(struct socket *socket, const void *data, size_t bytes)
{
    const struct iovec piece = {(void *)(uintptr_t)data, bytes};
    struct span span;
    span_init(&span, &piece, 1);
    return socket->protocol->send(socket, &span, 0, NULL);
}

static inline void send_data(struct socket *socket, const void *data, size_t bytes)
{
    assert_int_equal(send_some(socket, data, bytes), bytes);
}

/* What was sent has arrived. */
static inline void peer_acknowledges(size_t bytes)
{
    peer_expects += (uint32_t)bytes;
    peer_sends(FLAG_ACK, 0, 0);
    net_host_run();
}

#endif
