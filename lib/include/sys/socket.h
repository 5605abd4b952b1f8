/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets (POSIX.1-2024, <sys/socket.h>): AF_INET and AF_INET6 stream, datagram and raw sockets,
 * and AF_UNIX pairs. They are descriptors: read, write, close, poll and fcntl work on them.
 * Descriptors are not passed between sockets, so there is no ancillary data.
 */
#ifndef _SYS_SOCKET_H
#define _SYS_SOCKET_H

#include <stddef.h>
#include <sys/cdefs.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifndef _SA_FAMILY_T_DECLARED
#define _SA_FAMILY_T_DECLARED
typedef __sa_family_t sa_family_t;
#endif
#ifndef _SOCKLEN_T_DECLARED
#define _SOCKLEN_T_DECLARED
typedef __socklen_t socklen_t;
#endif

struct sockaddr {
    sa_family_t sa_family;
    char sa_data[14];
};

struct sockaddr_storage {
    sa_family_t ss_family;
    char __ss_padding[126 - sizeof(unsigned long)];
    unsigned long __ss_align;
};

struct msghdr {
    void *msg_name;
    socklen_t msg_namelen;
    struct iovec *msg_iov;
    int msg_iovlen;
    void *msg_control; /* ignored; recvmsg sets msg_controllen to 0 */
    socklen_t msg_controllen;
    int msg_flags;
};

struct cmsghdr {
    socklen_t cmsg_len;
    int cmsg_level;
    int cmsg_type;
};
#define CMSG_ALIGN(bytes) (((bytes) + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1))
#define CMSG_LEN(bytes) (CMSG_ALIGN(sizeof(struct cmsghdr)) + (bytes))
#define CMSG_SPACE(bytes) (CMSG_ALIGN(sizeof(struct cmsghdr)) + CMSG_ALIGN(bytes))
#define CMSG_DATA(cmsg) ((unsigned char *)(cmsg) + CMSG_ALIGN(sizeof(struct cmsghdr)))
#define CMSG_FIRSTHDR(msg)                                                                  \
    ((msg)->msg_controllen >= sizeof(struct cmsghdr) ? (struct cmsghdr *)(msg)->msg_control \
                                                     : (struct cmsghdr *)0)
#define CMSG_NXTHDR(msg, cmsg)                                                \
    ((char *)(cmsg) + CMSG_ALIGN((cmsg)->cmsg_len) + sizeof(struct cmsghdr) > \
             (char *)(msg)->msg_control + (msg)->msg_controllen               \
         ? (struct cmsghdr *)0                                                \
         : (struct cmsghdr *)((char *)(cmsg) + CMSG_ALIGN((cmsg)->cmsg_len)))
#define SCM_RIGHTS 1

struct linger {
    int l_onoff;
    int l_linger; /* seconds */
};

#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_LOCAL AF_UNIX
#define AF_INET 2
#define AF_INET6 10
#define PF_UNSPEC AF_UNSPEC
#define PF_UNIX AF_UNIX
#define PF_LOCAL AF_UNIX
#define PF_INET AF_INET
#define PF_INET6 AF_INET6

#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define SOCK_SEQPACKET 5
#define SOCK_NONBLOCK 0x00000800 /* or'ed to the type */
#define SOCK_CLOEXEC 0x00080000

#define SOMAXCONN 4096

/* Options at level SOL_SOCKET. */
#define SOL_SOCKET 1
#define SO_DEBUG 1
#define SO_REUSEADDR 2
#define SO_TYPE 3
#define SO_ERROR 4
#define SO_DONTROUTE 5
#define SO_BROADCAST 6
#define SO_SNDBUF 7
#define SO_RCVBUF 8
#define SO_KEEPALIVE 9
#define SO_OOBINLINE 10
#define SO_LINGER 13
#define SO_REUSEPORT 15
#define SO_RCVLOWAT 18
#define SO_SNDLOWAT 19
#define SO_RCVTIMEO 20
#define SO_SNDTIMEO 21
#define SO_ACCEPTCONN 30
#define SO_PROTOCOL 38
#define SO_DOMAIN 39

#define MSG_OOB 0x0001
#define MSG_PEEK 0x0002
#define MSG_DONTROUTE 0x0004
#define MSG_CTRUNC 0x0008
#define MSG_TRUNC 0x0020
#define MSG_DONTWAIT 0x0040
#define MSG_EOR 0x0080
#define MSG_WAITALL 0x0100
#define MSG_NOSIGNAL 0x4000 /* always so: SIGPIPE is never raised by a socket */
#define MSG_MORE 0x8000

#define SHUT_RD 0
#define SHUT_WR 1
#define SHUT_RDWR 2

__BEGIN_DECLS

int socket(int domain, int type, int protocol);
int socketpair(int domain, int type, int protocol, int fds[2]);
int bind(int fd, const struct sockaddr *address, socklen_t bytes);
int listen(int fd, int backlog);
int accept(int fd, struct sockaddr *address, socklen_t *bytes);
int accept4(int fd, struct sockaddr *address, socklen_t *bytes, int flags);
int connect(int fd, const struct sockaddr *address, socklen_t bytes);
int shutdown(int fd, int how);
ssize_t send(int fd, const void *data, size_t bytes, int flags);
ssize_t sendto(int fd, const void *data, size_t bytes, int flags, const struct sockaddr *address,
               socklen_t address_bytes);
ssize_t sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t recv(int fd, void *data, size_t bytes, int flags);
ssize_t recvfrom(int fd, void *data, size_t bytes, int flags, struct sockaddr *address,
                 socklen_t *address_bytes);
ssize_t recvmsg(int fd, struct msghdr *message, int flags);
int getsockname(int fd, struct sockaddr *address, socklen_t *bytes);
int getpeername(int fd, struct sockaddr *address, socklen_t *bytes);
int getsockopt(int fd, int level, int option, void *value, socklen_t *bytes);
int setsockopt(int fd, int level, int option, const void *value, socklen_t bytes);

__END_DECLS

#endif
