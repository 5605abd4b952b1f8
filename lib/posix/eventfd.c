/* SPDX-License-Identifier: BSD-2-Clause */
/* eventfd: writes add to a counter, reads take it (or one, as a semaphore) and wait while it is 0.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "blocking.h"
#include "fd.h"

#define MOST (UINT64_MAX - 1)

struct counter {
    struct mutex lock;
    uint64_t value;
    bool is_semaphore;
};

static ssize_t eventfd_file_read(struct file *file, void *data, size_t bytes)
{
    struct counter *counter = file->data;
    if (bytes < sizeof counter->value)
        return -EINVAL;
    int result = 0;
    mutex_lock(&counter->lock);
    while (counter->value == 0 && result == 0)
        result = file_wait(file, &counter->lock);
    if (result == 0) {
        uint64_t taken = counter->is_semaphore ? 1 : counter->value;
        counter->value -= taken;
        memcpy(data, &taken, sizeof taken);
        result = sizeof taken;
        waitq_wake(&file->ready, UINT32_MAX);
    }
    mutex_unlock(&counter->lock);
    return result;
}

static ssize_t eventfd_file_write(struct file *file, const void *data, size_t bytes)
{
    struct counter *counter = file->data;
    uint64_t added;
    if (bytes < sizeof added)
        return -EINVAL;
    memcpy(&added, data, sizeof added);
    if (added > MOST)
        return -EINVAL;
    int result = 0;
    mutex_lock(&counter->lock);
    while (added > MOST - counter->value && result == 0)
        result = file_wait(file, &counter->lock);
    if (result == 0) {
        counter->value += added;
        result = sizeof added;
        waitq_wake(&file->ready, UINT32_MAX);
    }
    mutex_unlock(&counter->lock);
    return result;
}

static short eventfd_file_poll(struct file *file)
{
    struct counter *counter = file->data;
    uint64_t value = __atomic_load_n(&counter->value, __ATOMIC_RELAXED);
    return (short)((value > 0 ? POLLIN | POLLRDNORM : 0) |
                   (value < MOST ? POLLOUT | POLLWRNORM : 0));
}

static void eventfd_file_close(struct file *file)
{
    free(file->data);
}

static const struct file_ops eventfd_ops = {
    .read = eventfd_file_read,
    .write = eventfd_file_write,
    .poll = eventfd_file_poll,
    .close = eventfd_file_close,
};

static int eventfd_new(unsigned initial, int flags)
{
    if (flags & ~(EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC))
        return -EINVAL;
    struct counter *counter = calloc(1, sizeof *counter);
    if (!counter)
        return -ENOMEM;
    counter->value = initial;
    counter->is_semaphore = flags & EFD_SEMAPHORE;
    struct file *file = file_new(&eventfd_ops, counter, O_RDWR | (flags & EFD_NONBLOCK));
    if (!file) {
        free(counter);
        return -ENOMEM;
    }
    int fd = fd_install(file, 0);
    if (fd < 0)
        file_put(file);
    else
        fd_cloexec_set(fd, flags & EFD_CLOEXEC);
    return fd;
}

int eventfd(unsigned initial, int flags)
{
    return (int)errno_result(eventfd_new(initial, flags));
}

int eventfd_read(int fd, eventfd_t *value)
{
    return read(fd, value, sizeof *value) == sizeof *value ? 0 : -1;
}

int eventfd_write(int fd, eventfd_t value)
{
    return write(fd, &value, sizeof value) == sizeof value ? 0 : -1;
}
