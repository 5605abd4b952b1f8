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

struct block {
    uint64_t used, cloexec; /* bits */
    struct file *files[BLOCK];
};

static struct mutex table_lock;
static struct block first_block = {
    .used = 7, .files = {&console_files[0], &console_files[1], &console_files[2]}};
static struct block *more_blocks[BLOCKS]; /* the first stays NULL */
static int limit = FD_MAX;

/* The block that has or would have this descriptor; NULL: there is none yet. */
static struct block *fd_block(int fd)
{
    return fd < BLOCK ? &first_block : more_blocks[fd / BLOCK];
}

static uint64_t fd_bit(int fd)
{
    return UINT64_C(1) << (fd % BLOCK);
}

static bool fd_is_open(int fd)
{
    if (fd < 0 || fd >= FD_MAX)
        return false;
    const struct block *block = fd_block(fd);
    return block && (block->used & fd_bit(fd));
}

/* The lowest free descriptor at or above `lowest`, or -EMFILE. */
static int fd_find(int lowest)
{
    uint64_t below = fd_bit(lowest) - 1;
    for (int begin = lowest / BLOCK * BLOCK; begin < FD_MAX; begin += BLOCK) {
        const struct block *block = fd_block(begin);
        uint64_t taken = (block ? block->used : 0) | below;
        below = 0;
        if (taken != UINT64_MAX) {
            int fd = begin + __builtin_ctzll(~taken);
            return fd < limit ? fd : -EMFILE;
        }
    }
    return -EMFILE;
}

static int fd_put_in(int fd, struct file *file)
{
    struct block *block = fd_block(fd);
    if (!block)
        block = more_blocks[fd / BLOCK] = calloc(1, sizeof *block);
    if (!block)
        return -ENOMEM;
    block->files[fd % BLOCK] = file;
    block->used |= fd_bit(fd);
    block->cloexec &= ~fd_bit(fd);
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
    struct file *before = fd_is_open(fd) ? fd_block(fd)->files[fd % BLOCK] : NULL;
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
        file = file_get(fd_block(fd)->files[fd % BLOCK]);
    mutex_unlock(&table_lock);
    return file;
}

int fd_close(int fd)
{
    struct file *file = NULL;
    mutex_lock(&table_lock);
    if (fd_is_open(fd)) {
        file = fd_block(fd)->files[fd % BLOCK];
        fd_block(fd)->used &= ~fd_bit(fd);
    }
    mutex_unlock(&table_lock);
    if (!file)
        return -EBADF;
    file_put(file);
    return 0;
}

bool fd_cloexec(int fd)
{
    return fd_is_open(fd) && (fd_block(fd)->cloexec & fd_bit(fd));
}

void fd_cloexec_set(int fd, bool set)
{
    mutex_lock(&table_lock);
    if (fd_is_open(fd) && set)
        fd_block(fd)->cloexec |= fd_bit(fd);
    else if (fd_is_open(fd))
        fd_block(fd)->cloexec &= ~fd_bit(fd);
    mutex_unlock(&table_lock);
}

bool fd_console_output(void)
{
    return (first_block.used & fd_bit(STDOUT_FILENO)) &&
           first_block.files[STDOUT_FILENO] == &console_files[STDOUT_FILENO];
}

int fd_limit(void)
{
    return limit;
}

void fd_limit_set(int new_limit)
{
    limit = new_limit;
}
