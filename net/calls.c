/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program's entry points (<sys/socket.h>): a descriptor becomes a socket, arguments are
 * checked, the protocol does the work under the stack's lock, and a negative errno becomes -1 and
 * errno.
 */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lwip/netif.h"
#include "socket.h"
#include "stack.h"

#define TYPE_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)
#define RECEIVE_FLAGS (MSG_PEEK | MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL | MSG_TRUNC)
#define SEND_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE | MSG_EOR | MSG_DONTROUTE)
#define PIECES_MOST 1024

/* ---- making ------------------------------------------------------------------------------- */

static const struct protocol *protocol_find(int type, int *number, int *error)
{
    *error = -EPROTONOSUPPORT;
    switch (type) {
    case SOCK_STREAM:
        *number = *number ? *number : IPPROTO_TCP;
        return *number == IPPROTO_TCP ? &stream_protocol : NULL;
    case SOCK_DGRAM:
        *number = *number ? *number : IPPROTO_UDP;
        return *number == IPPROTO_UDP ? &datagram_protocol : NULL;
    case SOCK_RAW:
        return *number > 0 && *number < 256 ? &datagram_protocol : NULL;
    default:
        *error = -ESOCKTNOSUPPORT;
        return NULL;
    }
}

static int socket_make(int domain, int type, int number)
{
    int error;
    if (domain != AF_INET && domain != AF_INET6)
        return -EAFNOSUPPORT;
    const struct protocol *protocol = protocol_find(type & ~TYPE_FLAGS, &number, &error);
    if (!protocol)
        return error;
    struct socket *made = socket_new(domain, type & ~TYPE_FLAGS, number, protocol);
    if (!made)
        return -ENOBUFS;
    net_lock();
    error = protocol->open(made);
    net_unlock();
    if (error < 0) {
        socket_free(made);
        return error;
    }
    return socket_install(made, type & TYPE_FLAGS);
}

int socket(int domain, int type, int protocol)
{
    return (int)errno_result(socket_make(domain, type, protocol));
}

/* ---- addresses ---------------------------------------------------------------------------- */

static bool address_is_any(const ip_addr_t *ip)
{
    return ip_addr_isany(ip);
}

static int bind_locked(struct socket *socket, const struct sockaddr *address, socklen_t bytes)
{
    struct endpoint local;
    int result = endpoint_from_sockaddr(socket, address, bytes, &local);
    if (result < 0)
        return result;
    if (!socket->protocol->bind)
        return -EOPNOTSUPP;
    if (socket->domain == AF_INET6 && address_is_any(&local.ip))
        IP_SET_TYPE_VAL(local.ip, socket_ip_type(socket));
    return socket->protocol->bind(socket, &local);
}

static int connect_locked(struct socket *socket, const struct sockaddr *address, socklen_t bytes)
{
    struct endpoint remote;
    if (!socket->protocol->connect)
        return -EOPNOTSUPP;
    if (bytes >= sizeof address->sa_family && address->sa_family == AF_UNSPEC)
        return socket->protocol->connect(socket, NULL);
    int result = endpoint_from_sockaddr(socket, address, bytes, &remote);
    if (result < 0)
        return result;
    if (address_is_any(&remote.ip)) /* "this machine", as everywhere */
        ip_addr_set_loopback(IP_IS_V6_VAL(remote.ip), &remote.ip);
    return socket->protocol->connect(socket, &remote);
}

static int listen_locked(struct socket *socket, int backlog)
{
    return socket->protocol->listen ? socket->protocol->listen(socket, backlog) : -EOPNOTSUPP;
}

int bind(int fd, const struct sockaddr *address, socklen_t bytes)
{
    struct file *file;
    int result;
    struct socket *socket = socket_of(fd, &file, &result);
    if (socket) {
        net_lock();
        result = bind_locked(socket, address, bytes);
        net_unlock();
        file_put(file);
    }
    return (int)errno_result(result);
}

int connect(int fd, const struct sockaddr *address, socklen_t bytes)
{
    struct file *file;
    int result;
    struct socket *socket = socket_of(fd, &file, &result);
    if (socket) {
        net_lock();
        result = connect_locked(socket, address, bytes);
        net_unlock();
        file_put(file);
    }
    return (int)errno_result(result);
}

int listen(int fd, int backlog)
{
    struct file *file;
    int result;
    struct socket *socket = socket_of(fd, &file, &result);
    if (socket) {
        net_lock();
        result = listen_locked(socket, backlog);
        net_unlock();
        file_put(file);
    }
    return (int)errno_result(result);
}

/* Which end of a socket to name. */
static int name_get(int fd, struct sockaddr *address, socklen_t *bytes, bool of_peer)
{
    struct file *file;
    int result;
    struct socket *socket = socket_of(fd, &file, &result);
    if (!socket)
        return result;
    struct endpoint endpoint = {.port = 0};
    net_lock();
    result = of_peer ? socket->protocol->remote(socket, &endpoint)
                     : socket->protocol->local(socket, &endpoint);
    net_unlock();
    if (result == 0)
        endpoint_to_sockaddr(socket, &endpoint, address, bytes);
    file_put(file);
    return result;
}

int getsockname(int fd, struct sockaddr *address, socklen_t *bytes)
{
    return (int)errno_result(name_get(fd, address, bytes, false));
}

int getpeername(int fd, struct sockaddr *address, socklen_t *bytes)
{
    return (int)errno_result(name_get(fd, address, bytes, true));
}

/* ---- accepting ---------------------------------------------------------------------------- */

static int accept_on(struct socket *listening, struct sockaddr *address, socklen_t *bytes,
                     int flags)
{
    struct socket *child = NULL;
    struct endpoint remote = {.port = 0};
    if (!listening->protocol->accept)
        return -EOPNOTSUPP;
    net_lock();
    int result = listening->protocol->accept(listening, &child);
    if (result == 0)
        child->protocol->remote(child, &remote); /* zeros, if it is gone again */
    net_unlock();
    if (result < 0)
        return result;
    int fd = socket_install(child, flags);
    if (fd >= 0 && address && bytes)
        endpoint_to_sockaddr(listening, &remote, address, bytes);
    return fd;
}

int accept4(int fd, struct sockaddr *address, socklen_t *bytes, int flags)
{
    struct file *file;
    int result;
    if (flags & ~TYPE_FLAGS)
        return (int)errno_result(-EINVAL);
    struct socket *socket = socket_of(fd, &file, &result);
    if (socket) {
        result = accept_on(socket, address, bytes, flags);
        file_put(file);
    }
    return (int)errno_result(result);
}

int accept(int fd, struct sockaddr *address, socklen_t *bytes)
{
    return accept4(fd, address, bytes, 0);
}

int shutdown(int fd, int how)
{
    struct file *file;
    int result;
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
        return (int)errno_result(-EINVAL);
    struct socket *socket = socket_of(fd, &file, &result);
    if (socket) {
        net_lock();
        result = socket->protocol->shutdown(socket, how != SHUT_WR, how != SHUT_RD);
        net_unlock();
        file_put(file);
    }
    return (int)errno_result(result);
}

/* ---- data --------------------------------------------------------------------------------- */

static ssize_t send_on(struct socket *socket, const struct msghdr *message, int flags)
{
    struct endpoint to;
    struct span span;
    const struct endpoint *remote = NULL;
    if (flags & ~SEND_FLAGS)
        return -EOPNOTSUPP;
    if (message->msg_iovlen < 0 || message->msg_iovlen > PIECES_MOST)
        return -EMSGSIZE;
    span_init(&span, message->msg_iov, (size_t)message->msg_iovlen);
    if (message->msg_name && message->msg_namelen && socket->type != SOCK_STREAM) {
        int result = endpoint_from_sockaddr(socket, message->msg_name, message->msg_namelen, &to);
        if (result < 0)
            return result;
        remote = &to;
    }
    net_lock();
    ssize_t result = socket->protocol->send(socket, &span, flags, remote);
    net_unlock();
    return result;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct file *file;
    int error;
    struct socket *socket = socket_of(fd, &file, &error);
    if (!socket)
        return errno_result(error);
    ssize_t result = send_on(socket, message, flags);
    file_put(file);
    return errno_result(result);
}

ssize_t sendto(int fd, const void *data, size_t bytes, int flags, const struct sockaddr *address,
               socklen_t address_bytes)
{
    /* Sending only reads through these pointers, which struct msghdr cannot say. */
    struct iovec piece = {(void *)(uintptr_t)data, bytes};
    struct msghdr message = {.msg_name = (void *)(uintptr_t)address,
                             .msg_namelen = address_bytes,
                             .msg_iov = &piece,
                             .msg_iovlen = 1};
    return sendmsg(fd, &message, flags);
}

ssize_t send(int fd, const void *data, size_t bytes, int flags)
{
    return sendto(fd, data, bytes, flags, NULL, 0);
}

static ssize_t receive_on(struct socket *socket, struct msghdr *message, int flags)
{
    struct endpoint from = {.port = 0};
    struct span span;
    if (flags & ~RECEIVE_FLAGS)
        return -EOPNOTSUPP;
    if (message->msg_iovlen < 0 || message->msg_iovlen > PIECES_MOST)
        return -EMSGSIZE;
    span_init(&span, message->msg_iov, (size_t)message->msg_iovlen);
    net_lock();
    ssize_t result = socket->protocol->receive(socket, &span, &flags, &from);
    net_unlock();
    if (result < 0)
        return result;
    message->msg_flags = flags;
    message->msg_controllen = 0;
    if (socket->type == SOCK_STREAM)
        message->msg_namelen = 0;
    else if (message->msg_name)
        endpoint_to_sockaddr(socket, &from, message->msg_name, &message->msg_namelen);
    return result;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    struct file *file;
    int error;
    struct socket *socket = socket_of(fd, &file, &error);
    if (!socket)
        return errno_result(error);
    ssize_t result = receive_on(socket, message, flags);
    file_put(file);
    return errno_result(result);
}

ssize_t recvfrom(int fd, void *data, size_t bytes, int flags, struct sockaddr *address,
                 socklen_t *address_bytes)
{
    struct iovec piece = {data, bytes};
    struct msghdr message = {.msg_name = address_bytes ? address : NULL,
                             .msg_namelen = address_bytes ? *address_bytes : 0,
                             .msg_iov = &piece,
                             .msg_iovlen = 1};
    ssize_t result = recvmsg(fd, &message, flags);
    if (result >= 0 && address_bytes)
        *address_bytes = message.msg_namelen;
    return result;
}

ssize_t recv(int fd, void *data, size_t bytes, int flags)
{
    return recvfrom(fd, data, bytes, flags, NULL, NULL);
}

/* ---- options ------------------------------------------------------------------------------ */

int setsockopt(int fd, int level, int option, const void *value, socklen_t bytes)
{
    struct file *file;
    int result;
    struct socket *socket = socket_of(fd, &file, &result);
    if (socket) {
        net_lock();
        result = socket_option_set(socket, level, option, value, bytes);
        net_unlock();
        file_put(file);
    }
    return (int)errno_result(result);
}

int getsockopt(int fd, int level, int option, void *value, socklen_t *bytes)
{
    struct file *file;
    int result;
    struct socket *socket = socket_of(fd, &file, &result);
    if (socket) {
        net_lock();
        result = socket_option_get(socket, level, option, value, bytes);
        net_unlock();
        file_put(file);
    }
    return (int)errno_result(result);
}
