/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors 0, 1 and 2: the console's input, standard output and standard error. They look like
 * terminals (character devices), so that stdio writes line by line. Statically there, never freed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "fd.h"
#include "kernel/console.h"

static ssize_t console_file_read(struct file *file, void *data, size_t bytes)
{
    if (bytes == 0)
        return 0;
    return console_read(data, bytes, !(file->flags & O_NONBLOCK));
}

static ssize_t console_file_write(struct file *file, const void *data, size_t bytes)
{
    return console_write(file == &console_files[2] ? PV_STDERR : PV_STDOUT, data, bytes);
}

static int console_file_stat(struct file *file, struct stat *status)
{
    *status = (struct stat){
        .st_ino = (ino_t)(file - console_files) + 1,
        .st_mode = S_IFCHR | 0620,
        .st_nlink = 1,
        .st_blksize = CONSOLE_BUFFER_BYTES,
    };
    return 0;
}

static void console_input_came(struct waiter *waiter)
{
    (void)waiter;
    waitq_wake(&console_files[0].ready, UINT32_MAX);
}

/* Whoever polls waits on the file's own queue; from the first poll on, the console's wake-ups are
 * passed on to it. */
static short console_file_poll(struct file *file)
{
    static struct waiter relay = {.wake = console_input_came};
    if (file != &console_files[0])
        return POLLOUT | POLLWRNORM;
    if (!__atomic_exchange_n(&relay.context, file, __ATOMIC_ACQ_REL))
        waitq_add(console_waitq(), &relay);
    return console_readable() ? POLLIN | POLLRDNORM : 0;
}

static const struct file_ops console_input_ops = {
    .read = console_file_read,
    .stat = console_file_stat,
    .poll = console_file_poll,
};

static const struct file_ops console_output_ops = {
    .write = console_file_write,
    .stat = console_file_stat,
    .poll = console_file_poll,
};

/* One reference is the descriptor's, the other keeps the static object from being freed. */
struct file console_files[3] = {
    {.ops = &console_input_ops, .flags = O_RDONLY, .references = 2},
    {.ops = &console_output_ops, .flags = O_WRONLY, .references = 2},
    {.ops = &console_output_ops, .flags = O_WRONLY, .references = 2},
};
