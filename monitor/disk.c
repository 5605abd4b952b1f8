/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file or block device as a disk of 512-byte sectors. Relies on nothing of the monitor but its
 * messages; called by the block backend.
 */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "backend.h"
#include "iov.h"

/* What suits direct I/O on every device and file system of pages. */
#define DIRECT_ALIGN_BYTES 4096u

/* Takes `option` from the end of the first `length` characters: what is left of them. */
static size_t spec_strip(const char *spec, size_t length, const char *option, bool *found)
{
    size_t bytes = strlen(option);

    if (length < bytes || strncmp(spec + length - bytes, option, bytes) != 0)
        return length;
    *found = true;
    return length - bytes;
}

int disk_split_spec(struct disk *disk, const char *spec)
{
    size_t length = strlen(spec), before;

    do {
        before = length;
        length = spec_strip(spec, length, ",ro", &disk->read_only);
        length = spec_strip(spec, length, ",direct", &disk->direct);
    } while (length != before);
    if (length == 0) {
        backend_complain("--blk", spec, "no file is named");
        return -EINVAL;
    }
    disk->name = strndup(spec, length);
    return disk->name != NULL ? 0 : -ENOMEM;
}

static struct flock disk_range(short type, off_t start, off_t length)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
}

/* Open-file-description locks, so that nobody writes a disk that another VM uses; QEMU's VMs count, too.
 * It takes shared locks: byte 100 + n says that who holds it uses permission n, and 200 + n that nobody
 * else may; 0 is reading, 1 to 3 are kinds of writing. A writer here locks the whole file. */
static int disk_lock(struct disk *disk)
{
    struct flock all = disk_range(F_WRLCK, 0, 0);
    struct flock reads = disk_range(F_RDLCK, 100, 1), no_writer = disk_range(F_RDLCK, 201, 3);
    struct flock writes = disk_range(F_WRLCK, 101, 3);
    int error;

    if (disk->read_only) {
        error = fcntl(disk->fd, F_OFD_SETLK, &reads) || fcntl(disk->fd, F_OFD_SETLK, &no_writer);
        if (!error && fcntl(disk->fd, F_OFD_GETLK, &writes) == 0 && writes.l_type != F_UNLCK) {
            error = -1;
            errno = EAGAIN;
        }
    } else {
        error = fcntl(disk->fd, F_OFD_SETLK, &all);
    }
    if (!error)
        return 0;
    if (errno == EAGAIN || errno == EACCES) {
        backend_complain("--blk", disk->name, "in use by another virtual machine%s",
                         disk->read_only ? " that writes it" : "");
        return -EBUSY;
    }
    /* A file system without locks: go on, as there is nothing better. */
    return 0;
}

/* The kernel says what a block device can discard; a partition asks its disk. */
static bool disk_device_discards(const struct stat *status)
{
    static const char *const patterns[] = {
        "/sys/dev/block/%u:%u/queue/discard_max_bytes",
        "/sys/dev/block/%u:%u/../queue/discard_max_bytes",
    };
    unsigned long long max_bytes = 0;

    for (unsigned i = 0; i < 2 && max_bytes == 0; i++) {
        char path[96];
        FILE *file;

        snprintf(path, sizeof(path), patterns[i], major(status->st_rdev), minor(status->st_rdev));
        file = fopen(path, "re");
        if (file == NULL)
            continue;
        if (fscanf(file, "%llu", &max_bytes) != 1)
            max_bytes = 0;
        fclose(file);
    }
    return max_bytes > 0;
}

static int disk_measure(struct disk *disk)
{
    struct stat status;

    if (fstat(disk->fd, &status) < 0)
        return -errno;
    disk->block_device = S_ISBLK(status.st_mode);
    if (disk->block_device) {
        if (ioctl(disk->fd, BLKGETSIZE64, &disk->bytes) < 0)
            return -errno;
        disk->can_discard = !disk->read_only && disk_device_discards(&status);
    } else if (S_ISREG(status.st_mode)) {
        disk->bytes = (uint64_t)status.st_size;
        /* Punching a hole behind the end changes nothing, and shows whether holes are possible. */
        disk->can_discard = !disk->read_only &&
                            fallocate(disk->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                      status.st_size, DISK_SECTOR_BYTES) == 0;
    } else {
        return -ENOTBLK;
    }
    disk->sectors = (disk->bytes + DISK_SECTOR_BYTES - 1) / DISK_SECTOR_BYTES;
    return 0;
}

/* Opens the file once more, for transfers past the page cache. */
static int disk_open_direct(struct disk *disk)
{
    int rights = disk->read_only ? O_RDONLY : O_RDWR;

    disk->direct_fd = open(disk->name, rights | O_CLOEXEC | O_NONBLOCK | O_DIRECT);
    if (disk->direct_fd >= 0)
        return 0;
    if (errno != EINVAL) {
        int error = errno;

        backend_complain("--blk", disk->name, "%s", strerror(error));
        return -error;
    }
    backend_complain("--blk", disk->name, "its file system has no direct I/O");
    return -EOPNOTSUPP;
}

static void disk_complain_open(const struct disk *disk, int error)
{
    if (error == ENOTBLK || error == EISDIR)
        backend_complain("--blk", disk->name, "neither a file nor a block device");
    else if (!disk->read_only && (error == EACCES || error == EROFS || error == EPERM))
        backend_complain("--blk", disk->name, "%s (\"%s,ro\" opens it for reading only)",
                         strerror(error), disk->name);
    else
        backend_complain("--blk", disk->name, "%s", strerror(error));
}

int disk_open(struct disk *disk, const char *spec)
{
    int result;

    *disk = (struct disk){.fd = -1, .direct_fd = -1};
    result = disk_split_spec(disk, spec);
    if (result < 0)
        goto fail;
    /* Without O_NONBLOCK the name of a pipe would wait for its other end. */
    disk->fd = open(disk->name, (disk->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
    result = disk->fd < 0 ? -errno : disk_measure(disk);
    if (result < 0) {
        disk_complain_open(disk, -result);
        goto fail;
    }
    result = disk_lock(disk);
    if (result < 0)
        goto fail;
    if (disk->direct && (result = disk_open_direct(disk)) < 0)
        goto fail;
    fcntl(disk->fd, F_SETFL, 0);
    /* A file-size limit shall fail the write, not end the monitor. */
    signal(SIGXFSZ, SIG_IGN);
    return 0;

fail:
    disk_close(disk);
    return result;
}

void disk_close(struct disk *disk)
{
    if (disk->fd >= 0)
        close(disk->fd);
    if (disk->direct_fd >= 0)
        close(disk->direct_fd);
    disk->fd = disk->direct_fd = -1;
    free(disk->name);
    disk->name = NULL;
}

static int disk_error(struct disk *disk, const char *what, int error)
{
    bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
    bool *told = full ? &disk->told_full : &disk->told_error;

    if (!__atomic_exchange_n(told, true, __ATOMIC_RELAXED))
        backend_complain("--blk", disk->name, "%s fails: %s; the guest sees an I/O error", what,
                         strerror(error));
    return -error;
}

/* Bytes of [offset, offset + bytes) that the file holds, the rest being the padding of its tail. */
static uint64_t disk_held(const struct disk *disk, uint64_t offset, uint64_t bytes)
{
    uint64_t end = __atomic_load_n(&disk->bytes, __ATOMIC_RELAXED);

    if (offset >= end)
        return 0;
    return end - offset < bytes ? end - offset : bytes;
}

static bool is_aligned(const struct iovec *segments, unsigned count, uint64_t offset)
{
    uint64_t bits = offset;

    for (unsigned i = 0; i < count; i++)
        bits |= (uintptr_t)segments[i].iov_base | segments[i].iov_len;
    return (bits & (DIRECT_ALIGN_BYTES - 1u)) == 0;
}

bool disk_takes_directly(const struct disk *disk, const struct iovec *segments, unsigned count,
                         uint64_t offset, uint64_t bytes)
{
    return disk->direct_fd >= 0 && count > 0 && is_aligned(segments, count, offset) &&
           disk_held(disk, offset, bytes) == bytes;
}

/* The descriptor that a transfer goes through. */
static int disk_way(const struct disk *disk, const struct iovec *segments, unsigned count,
                    uint64_t offset)
{
    bool direct = disk->direct_fd >= 0 && is_aligned(segments, count, offset);

    return direct ? disk->direct_fd : disk->fd;
}

int disk_read(struct disk *disk, struct iovec *segments, unsigned count, uint64_t offset)
{
    uint64_t held = disk_held(disk, offset, iov_bytes(segments, count));
    uint64_t done = 0;

    while (count > 0) {
        uint64_t from = offset + done;
        ssize_t got = preadv(disk_way(disk, segments, count, from), segments, (int)count,
                             (off_t)from);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return disk_error(disk, "reading", errno);
        if (got == 0)
            break;
        done += (uint64_t)got;
        count = iov_skip(&segments, count, (size_t)got);
    }
    if (done < held) {
        if (!__atomic_exchange_n(&disk->told_shrunk, true, __ATOMIC_RELAXED))
            backend_complain("--blk", disk->name,
                             "became shorter while in use; the guest sees an I/O error");
        return -EIO;
    }
    iov_zero(segments, count);
    return 0;
}

bool disk_read_at_once(struct disk *disk, const struct iovec *segments, unsigned count,
                       uint64_t offset, uint64_t bytes)
{
    ssize_t got;

    if (disk->always_waits || disk_way(disk, segments, count, offset) != disk->fd)
        return false;
    got = syscall(SYS_preadv2, disk->fd, segments, count, offset, 0, RWF_NOWAIT);
    disk->always_waits = got < 0 && (errno == EOPNOTSUPP || errno == ENOSYS);
    return got >= 0 && (uint64_t)got == bytes;
}

int disk_write(struct disk *disk, struct iovec *segments, unsigned count, uint64_t offset)
{
    while (count > 0) {
        ssize_t put = pwritev(disk_way(disk, segments, count, offset), segments, (int)count,
                              (off_t)offset);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return disk_error(disk, "writing", put < 0 ? errno : EIO);
        offset += (uint64_t)put;
        count = iov_skip(&segments, count, (size_t)put);
    }
    /* Other writers may lengthen it as well: the longest counts. */
    uint64_t known = __atomic_load_n(&disk->bytes, __ATOMIC_RELAXED);
    while (offset > known && !__atomic_compare_exchange_n(&disk->bytes, &known, offset, true,
                                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
    return 0;
}

int disk_flush(struct disk *disk)
{
    while (fdatasync(disk->fd) < 0)
        if (errno != EINTR)
            return disk_error(disk, "flushing", errno);
    return 0;
}

int disk_discard(struct disk *disk, uint64_t offset, uint64_t bytes)
{
    uint64_t range[2] = {offset, bytes};
    int result;

    if (disk->block_device)
        result = ioctl(disk->fd, BLKDISCARD, range);
    else
        result = fallocate(disk->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
                           (off_t)bytes);
    return result < 0 ? disk_error(disk, "discarding", errno) : 0;
}
