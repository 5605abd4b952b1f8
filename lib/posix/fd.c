/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The descriptor table: small integers to open files, lowest free first. 64 descriptors are static
 * (three of them the console); more come in blocks of 64 from malloc and stay. Relies on malloc and
 * one mutex; any thread, not from event handlers.
 */
#include "fd.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK 64
#define BLOCKS (FD_MAX / BLOCK)

static struct mutex table_lock;
static struct file *first_block[BLOCK] = {&console_files[0], &console_files[1], &console_files[2]};
static struct file **blocks[BLOCKS] = {first_block};
static uint64_t used[BLOCKS] = {7};
static uint64_t cloexec[BLOCKS];
static int limit = FD_MAX;

static uint64_t fd_bit(int fd)
{
    return UINT64_C(1) << (fd % BLOCK);
}

static bool fd_is_open(int fd)
{
    return fd >= 0 && fd < FD_MAX && (used[fd / BLOCK] & fd_bit(fd));
}

/* The lowest free descriptor at or above `lowest`, or -EMFILE. */
static int fd_find(int lowest)
{
    uint64_t below = fd_bit(lowest) - 1;
    for (int block = lowest / BLOCK; block < BLOCKS; block++) {
        uint64_t taken = used[block] | below;
        below = 0;
        if (taken != UINT64_MAX) {
            int fd = block * BLOCK + __builtin_ctzll(~taken);
            return fd < limit ? fd : -EMFILE;
        }
    }
    return -EMFILE;
}

static int fd_put_in(int fd, struct file *file)
{
    struct file ***block = &blocks[fd / BLOCK];
    if (!*block)
        *block = calloc(BLOCK, sizeof **block);
    if (!*block)
        return -ENOMEM;
    (*block)[fd % BLOCK] = file;
    used[fd / BLOCK] |= fd_bit(fd);
    cloexec[fd / BLOCK] &= ~fd_bit(fd);
    return fd;
}

int fd_install(struct file *file, int lowest)
{
    if (lowest < 0 || lowest >= FD_MAX)
        return -EMFILE;
    mutex_lock(&table_lock);
    int fd = fd_find(lowest);
    if (fd >= 0)
        fd = fd_put_in(fd, file);
    mutex_unlock(&table_lock);
    return fd;
}

int fd_replace(int fd, struct file *file)
{
    if (fd < 0 || fd >= limit)
        return -EBADF;
    mutex_lock(&table_lock);
    struct file *before = fd_is_open(fd) ? blocks[fd / BLOCK][fd % BLOCK] : NULL;
    int result = fd_put_in(fd, file);
    mutex_unlock(&table_lock);
    if (result < 0)
        return result;
    if (before)
        file_put(before);
    return 0;
}

struct file *fd_file(int fd)
{
    struct file *file = NULL;
    mutex_lock(&table_lock);
    if (fd_is_open(fd))
        file = file_get(blocks[fd / BLOCK][fd % BLOCK]);
    mutex_unlock(&table_lock);
    return file;
}

int fd_close(int fd)
{
    struct file *file = NULL;
    mutex_lock(&table_lock);
    if (fd_is_open(fd)) {
        file = blocks[fd / BLOCK][fd % BLOCK];
        used[fd / BLOCK] &= ~fd_bit(fd);
    }
    mutex_unlock(&table_lock);
    if (!file)
        return -EBADF;
    file_put(file);
    return 0;
}

bool fd_cloexec(int fd)
{
    return fd_is_open(fd) && (cloexec[fd / BLOCK] & fd_bit(fd));
}

void fd_cloexec_set(int fd, bool set)
{
    mutex_lock(&table_lock);
    if (fd_is_open(fd) && set)
        cloexec[fd / BLOCK] |= fd_bit(fd);
    else if (fd_is_open(fd))
        cloexec[fd / BLOCK] &= ~fd_bit(fd);
    mutex_unlock(&table_lock);
}

bool fd_console_output(void)
{
    return (used[0] & fd_bit(STDOUT_FILENO)) &&
           first_block[STDOUT_FILENO] == &console_files[STDOUT_FILENO];
}

int fd_limit(void)
{
    return limit;
}

void fd_limit_set(int new_limit)
{
    limit = new_limit;
}
