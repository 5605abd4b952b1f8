/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fcntl, ioctl and the dup family. Record locks always succeed: there is one process, and a process
 * never excludes itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fd.h"

#define CHANGEABLE_FLAGS (O_APPEND | O_NONBLOCK)

static void flags_set(struct file *file, int flags)
{
    file->flags = (file->flags & ~CHANGEABLE_FLAGS) | (flags & CHANGEABLE_FLAGS);
    if (file->ops->flags_changed)
        file->ops->flags_changed(file);
}

/* A second descriptor for a file, at or above `lowest`. */
static int duplicate(struct file *file, int lowest, bool cloexec)
{
    int fd = fd_install(file_get(file), lowest);
    if (fd < 0)
        file_put(file);
    else if (cloexec)
        fd_cloexec_set(fd, true);
    return fd;
}

static int fcntl_file(int fd, struct file *file, int command, va_list arguments)
{
    int number;
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        number = va_arg(arguments, int);
        if (number < 0 || number >= fd_limit())
            return -EINVAL;
        return duplicate(file, number, command == F_DUPFD_CLOEXEC);
    case F_GETFD:
        return fd_cloexec(fd) ? FD_CLOEXEC : 0;
    case F_SETFD:
        fd_cloexec_set(fd, va_arg(arguments, int) & FD_CLOEXEC);
        return 0;
    case F_GETFL:
        return file->flags;
    case F_SETFL:
        flags_set(file, va_arg(arguments, int));
        return 0;
    case F_GETLK:
        va_arg(arguments, struct flock *)->l_type = F_UNLCK;
        return 0;
    case F_SETLK:
    case F_SETLKW:
        return 0;
    default:
        return -EINVAL;
    }
}

int fcntl(int fd, int command, ...)
{
    struct file *file = fd_file(fd);
    if (!file)
        return (int)errno_result(-EBADF);
    va_list arguments;
    va_start(arguments, command);
    int result = fcntl_file(fd, file, command, arguments);
    va_end(arguments);
    file_put(file);
    return (int)errno_result(result);
}

int flock(int fd, int operation)
{
    int kind = operation & ~LOCK_NB;
    struct file *file = fd_file(fd);
    if (!file)
        return (int)errno_result(-EBADF);
    file_put(file);
    return (int)errno_result(kind == LOCK_SH || kind == LOCK_EX || kind == LOCK_UN ? 0 : -EINVAL);
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);

    struct file *file = fd_file(fd);
    if (!file)
        return (int)errno_result(-EBADF);
    int result = 0;
    if (request == FIONBIO)
        flags_set(file, *(int *)argument ? file->flags | O_NONBLOCK : file->flags & ~O_NONBLOCK);
    else if (request == FIOCLEX || request == FIONCLEX)
        fd_cloexec_set(fd, request == FIOCLEX);
    else
        result = file->ops->ioctl ? file->ops->ioctl(file, request, argument) : -ENOTTY;
    file_put(file);
    return (int)errno_result(result);
}

int dup(int fd)
{
    struct file *file = fd_file(fd);
    if (!file)
        return (int)errno_result(-EBADF);
    int result = duplicate(file, 0, false);
    file_put(file);
    return (int)errno_result(result);
}

int dup2(int fd, int target)
{
    struct file *file = fd_file(fd);
    if (!file)
        return (int)errno_result(-EBADF);
    int result = 0;
    if (fd != target)
        result = fd_replace(target, file_get(file));
    if (result < 0)
        file_put(file);
    file_put(file);
    return (int)errno_result(result < 0 ? result : target);
}

int dup3(int fd, int target, int flags)
{
    if (fd == target || (flags & ~O_CLOEXEC))
        return (int)errno_result(-EINVAL);
    int result = dup2(fd, target);
    if (result >= 0 && (flags & O_CLOEXEC))
        fd_cloexec_set(target, true);
    return result;
}
