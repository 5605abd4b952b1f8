/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets: what stands between a descriptor and a protocol of lwIP. socket.c has what all share and
 * the program's entry points (calls.c); stream.c, listen.c and datagram.c fulfil struct protocol
 * over lwIP's raw API. Every function here runs under the stack's lock unless it says otherwise and
 * returns a negative errno on failure.
 */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "crowd.h"
#include "file.h"
#include "lwip/err.h"
#include "lwip/ip_addr.h"
#include "lwip/pbuf.h"

struct socket;

/* One end of a connection or datagram. */
struct endpoint {
    ip_addr_t ip;
    uint16_t port;
};

/* The memory that a call reads or fills: an array of pieces, consumed from the front. */
struct span {
    const struct iovec *pieces;
    size_t count;
    size_t offset; /* into the first piece */
    size_t bytes;  /* left in all */
};
void span_init(struct span *span, const struct iovec *pieces, size_t count);
/* The next piece in one run of memory: its length (0 at the end). */
size_t span_next(const struct span *span, void **at);
void span_advance(struct span *span, size_t bytes);
void span_take(struct span *span, void *to, size_t bytes);        /* from the span */
void span_put(struct span *span, const void *from, size_t bytes); /* into the span */

struct protocol {
    int (*open)(struct socket *socket); /* makes its pcb */
    /* All may be NULL: then the call is -EOPNOTSUPP. */
    int (*bind)(struct socket *socket, const struct endpoint *local);
    int (*listen)(struct socket *socket, int backlog);
    int (*accept)(struct socket *socket, struct socket **accepted);
    int (*connect)(struct socket *socket, const struct endpoint *remote); /* remote NULL: undo */
    ssize_t (*send)(struct socket *socket, struct span *data, int flags,
                    const struct endpoint *remote);
    /* *flags: MSG_ in and out. *remote is filled where messages have senders. */
    ssize_t (*receive)(struct socket *socket, struct span *data, int *flags,
                       struct endpoint *remote);
    int (*shutdown)(struct socket *socket, bool receiving, bool sending);
    int (*local)(struct socket *socket, struct endpoint *local);
    int (*remote)(struct socket *socket, struct endpoint *remote); /* -ENOTCONN */
    int (*option_set)(struct socket *socket, int level, int option, int value);
    int (*option_get)(struct socket *socket, int level, int option, int *value);
    size_t (*readable_bytes)(struct socket *socket);
    void (*close)(struct socket *socket, bool may_block);
};
extern const struct protocol stream_protocol, datagram_protocol;

struct listener;
struct memberships;

struct socket {
    struct file *file; /* NULL until accepted */
    const struct protocol *protocol;
    union {
        struct tcp_pcb *tcp;
        struct udp_pcb *udp;
        struct raw_pcb *raw;
        struct pair_end *pair; /* pair.c: AF_UNIX */
        void *any;
    } pcb; /* NULL once lwIP has freed it */
    uint8_t domain;
    uint8_t type;
    uint8_t number; /* protocol number, for raw sockets */
    bool v6_only;
    bool bound;
    bool connecting, connected;
    bool has_sent;      /* data, on this connection */
    bool receive_ended; /* the peer's FIN, or shutdown */
    bool send_ended;
    bool no_delay; /* a listener's, handed on */
    bool linger;
    uint16_t linger_seconds;
    int error;                          /* to be told once: positive errno */
    short events;                       /* POLLIN and so on that hold now; read without the lock */
    uint32_t send_limit, receive_limit; /* SO_SNDBUF, SO_RCVBUF */
    uint32_t send_timeout_ms, receive_timeout_ms; /* 0: none */
    struct sender sender;                         /* a stream's, when memory is short */

    /* Received and not yet read: pbufs of a stream, linked by `next`; datagrams. */
    void *first, *last;
    uint32_t first_offset; /* bytes of the first pbuf already read */
    uint32_t queued_bytes;

    struct listener *listener;  /* after listen */
    struct socket *accept_next; /* in a listener's queue */
    struct memberships *memberships;
};

/* socket.c. A new socket without a pcb, NULL without memory; socket_free wants its queues empty. */
struct socket *socket_new(int domain, int type, int number, const struct protocol *protocol);
void socket_free(struct socket *socket);
/* Sets what poll answers and wakes whoever waits for it. */
void socket_events(struct socket *socket, short events);
bool socket_is_nonblocking(const struct socket *socket, int flags);
/* When a call that starts now times out. */
uint64_t socket_deadline(uint32_t timeout_ms);
/* Waits until something changes. 0, or -EAGAIN after the time-out. */
int socket_wait(struct socket *socket, uint64_t deadline_ns);
/* Takes the pending error: 0 or negative errno. */
int socket_take_error(struct socket *socket);
int errno_of_lwip(err_t error);
/* Gives a descriptor to a socket and takes it over: the socket is closed on failure (negative
 * errno). Without the lock. */
int socket_install(struct socket *socket, int type_flags);
extern const struct file_ops socket_file_ops;
/* The socket behind a descriptor, with the file's reference: NULL and *error (negative errno).
 * Without the lock. */
struct socket *socket_of(int fd, struct file **file, int *error);

/* address.c: POSIX addresses from and to lwIP's. */
int endpoint_from_sockaddr(const struct socket *socket, const struct sockaddr *address,
                           socklen_t bytes, struct endpoint *endpoint);
void endpoint_to_sockaddr(const struct socket *socket, const struct endpoint *endpoint,
                          struct sockaddr *address, socklen_t *bytes);
uint8_t socket_ip_type(const struct socket *socket); /* IPADDR_TYPE_ of its pcb */
uint16_t port_random(void);

/* options.c */
int socket_option_set(struct socket *socket, int level, int option, const void *value,
                      socklen_t bytes);
int socket_option_get(struct socket *socket, int level, int option, void *value, socklen_t *bytes);
/* IP-level options and SOF_ flags that sit in every pcb alike. */
void memberships_drop(struct socket *socket);

/* listen.c */
int stream_listen(struct socket *socket, int backlog);
int stream_accept(struct socket *socket, struct socket **accepted);
void listener_close(struct socket *socket);
/* stream.c: makes an established pcb this socket's. */
void stream_adopt(struct socket *socket, struct tcp_pcb *pcb);
/* stream_options.c */
int stream_local(struct socket *socket, struct endpoint *local);
/* Before data is sent. lwIP's first congestion window is three segments, and that is not to be
 * configured. */
void stream_window_begin(struct socket *socket);
int stream_remote(struct socket *socket, struct endpoint *remote);
int stream_option_set(struct socket *socket, int level, int option, int value);
int stream_option_get(struct socket *socket, int level, int option, int *value);

#endif
