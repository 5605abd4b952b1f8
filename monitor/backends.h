/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The backends: one function each opens a device from the value of its option. All of them run
 * before the VM exists, with the privileges of the user who typed the command. A mistake of the
 * user is one line on standard error that names the option, the value and the reason; the result
 * is then a negative errno (the command's exit status is 2). The device is freed by its destroy.
 *
 * System calls after the filter has closed, beyond those of the loop. ops->start (called before
 * the filter closes) opens descriptors, and starts threads that the filter must cover.
 *     loop        epoll_wait, epoll_ctl, read, write, clock_gettime
 *     every       write (standard error), futex, and what malloc and free use: mmap, munmap, brk,
 *                 mremap, madvise
 *     block       preadv2, pwritev2, preadv, pwritev, fdatasync, fallocate,
 *                 ioctl(BLKDISCARD), futex, and at the end of its thread: exit, madvise
 *     tap         readv, writev, ioctl(TUNSETOFFLOAD)
 *     user        socket, bind, listen, accept, accept4, connect, getsockname, getpeername,
 *                 getsockopt, setsockopt, recv(from), recvmsg, send(to), sendmsg, shutdown, close,
 *                 fcntl(F_GETFL, F_SETFL, F_SETFD), ioctl(FIONREAD), getrandom, readv, writev;
 *                 newfstatat with AT_FDCWD must answer 0 without being carried out
 *                 (SCMP_ACT_ERRNO(0)): libslirp asks whether /etc/resolv.conf has changed; openat
 *                 must fail: without a name server of a family it looks for one again
 *     console_in  readv
 */
#ifndef MONITOR_BACKENDS_H
#define MONITOR_BACKENDS_H

struct device;

/* --blk FILE[,ro]. Only a last ",ro" is an option: other commas belong to the name. */
int block_open(const char *spec, struct device **out);

/* --net tap:IFNAME[,ip=ADDR/LEN[,gw=ADDR]]: what follows "tap:". The interface must exist. */
int net_tap_open(const char *spec, struct device **out);

/* --net user[,HOST:GUEST]...: what follows "user", without the first comma; may be empty. */
int net_user_open(const char *spec, struct device **out);

/* Standard input as a stream device (virtio type 3): one queue, the guest's receive queue. A used
 * buffer of length 0 is the end of the input. */
int console_in_open(struct device **out);

#endif
