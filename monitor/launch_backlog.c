/* SPDX-License-Identifier: BSD-2-Clause */
/* Widens the queues of a child's listening sockets; see launch_backlog.h. */
#include "launch_backlog.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel cuts it to net.core.somaxconn. */
#define BACKLOG 4096

static bool is_listening(int fd)
{
    int domain = 0, listening = 0;
    socklen_t bytes = sizeof domain;

    return !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &bytes) && domain == AF_INET &&
           !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &bytes) && listening;
}

/* 1 when descriptor `number` of the process is a listening socket, whose queue is wide now. */
static int widen(int process, int number)
{
    int fd = (int)syscall(SYS_pidfd_getfd, process, number, 0), result = 0;

    if (fd < 0)
        return errno == EBADF ? 0 : -errno; /* closed by now */
    if (is_listening(fd))
        result = listen(fd, BACKLOG) ? -errno : 1;
    close(fd);
    return result;
}

int launch_backlog_widen(pid_t pid)
{
    char path[64], target[32];
    int process = (int)syscall(SYS_pidfd_open, pid, 0), count = 0, result = 0;
    struct dirent *entry;

    if (process < 0)
        return -errno;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *descriptors = opendir(path);
    if (!descriptors)
        result = -errno;
    while (result >= 0 && descriptors && (entry = readdir(descriptors))) {
        ssize_t length = readlinkat(dirfd(descriptors), entry->d_name, target, sizeof target);
        if (length < 7 || memcmp(target, "socket:", 7) != 0)
            continue;
        result = widen(process, atoi(entry->d_name));
        count += result > 0;
    }
    if (descriptors)
        closedir(descriptors);
    close(process);
    return result < 0 ? result : count;
}
