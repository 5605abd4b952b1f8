/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mmap over the page allocator. A list of mappings, newest first, says what munmap may free; a
 * mutex guards it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "file.h"
#include "kernel/page.h"

struct mapping {
    struct mapping *next;
    uintptr_t begin, end;
};

static struct {
    struct mutex lock;
    struct mapping *first;
} mappings;

static int check(size_t bytes, int protection, int flags, off_t offset)
{
    int sharing = flags & (MAP_SHARED | MAP_PRIVATE);
    if (bytes == 0 || bytes > SIZE_MAX - PAGE_BYTES || offset < 0 || offset % PAGE_BYTES != 0)
        return -EINVAL;
    if (sharing != MAP_SHARED && sharing != MAP_PRIVATE)
        return -EINVAL;
    if ((protection & PROT_EXEC) || (flags & MAP_FIXED))
        return -ENOTSUP;
    if (!(flags & MAP_ANONYMOUS) && sharing == MAP_SHARED && (protection & PROT_WRITE))
        return -ENOTSUP;
    return 0;
}

/* Reads a file's part into zeroed memory; beyond the file's end the zeros stay. */
static int fill(int fd, char *memory, size_t bytes, off_t offset)
{
    struct file *file = fd_file(fd);
    if (!file)
        return -EBADF;
    ssize_t got = 1;
    if ((file->flags & O_ACCMODE) == O_WRONLY)
        got = -EACCES;
    else if (!file->ops->pread)
        got = -ENODEV;
    for (size_t done = 0; got > 0 && done < bytes; done += (size_t)got) {
        got = file->ops->pread(file, memory + done, bytes - done, offset + (off_t)done);
        if (got <= 0)
            break;
    }
    file_put(file);
    return got < 0 ? (int)got : 0;
}

static int map(size_t bytes, int flags, int fd, off_t offset, void **memory)
{
    size_t pages = (bytes + PAGE_BYTES - 1) / PAGE_BYTES;
    struct mapping *mapping = malloc(sizeof *mapping);
    if (!mapping)
        return -ENOMEM;
    void *run = page_alloc_zeroed(pages);
    int result = run ? 0 : -ENOMEM;
    if (run && !(flags & MAP_ANONYMOUS))
        result = fill(fd, run, bytes, offset);
    if (result < 0)
        goto fail;
    mapping->begin = (uintptr_t)run;
    mapping->end = mapping->begin + pages * PAGE_BYTES;
    mutex_lock(&mappings.lock);
    mapping->next = mappings.first;
    mappings.first = mapping;
    mutex_unlock(&mappings.lock);
    *memory = run;
    return 0;
fail:
    if (run)
        page_free(run, pages);
    free(mapping);
    return result;
}

void *mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    (void)address;
    void *memory = MAP_FAILED;
    int result = check(bytes, protection, flags, offset);
    if (result == 0)
        result = map(bytes, flags, fd, offset, &memory);
    if (result < 0)
        errno = -result;
    return memory;
}

/* Takes [begin, end) out of the mapping at *link. 0 or -ENOMEM, when the middle goes and the second
 * half needs an entry of its own. */
static int cut(struct mapping **link, uintptr_t begin, uintptr_t end)
{
    struct mapping *mapping = *link;
    if (begin > mapping->begin && end < mapping->end) {
        struct mapping *half = malloc(sizeof *half);
        if (!half)
            return -ENOMEM;
        *half = (struct mapping){mapping->next, end, mapping->end};
        mapping->next = half;
        mapping->end = begin;
    } else if (begin > mapping->begin) {
        mapping->end = begin;
    } else if (end < mapping->end) {
        mapping->begin = end;
    } else {
        *link = mapping->next;
        free(mapping);
    }
    page_free((void *)begin, (end - begin) / PAGE_BYTES);
    return 0;
}

int munmap(void *address, size_t bytes)
{
    uintptr_t begin = (uintptr_t)address;
    if (begin % PAGE_BYTES != 0 || bytes == 0 || bytes > UINTPTR_MAX - begin - PAGE_BYTES)
        return (int)errno_result(-EINVAL);
    uintptr_t end = begin + (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    int result = 0;
    mutex_lock(&mappings.lock);
    struct mapping **link = &mappings.first;
    while (*link && result == 0) {
        struct mapping *mapping = *link;
        uintptr_t low = begin > mapping->begin ? begin : mapping->begin;
        uintptr_t high = end < mapping->end ? end : mapping->end;
        if (low < high)
            result = cut(link, low, high);
        if (*link == mapping)
            link = &mapping->next;
    }
    mutex_unlock(&mappings.lock);
    return (int)errno_result(result);
}

int madvise(void *address, size_t bytes, int advice)
{
    if ((uintptr_t)address % PAGE_BYTES != 0 || advice < MADV_NORMAL || advice > MADV_DONTNEED)
        return (int)errno_result(-EINVAL);
    if (advice == MADV_DONTNEED)
        memset(address, 0, bytes);
    return 0;
}

int posix_madvise(void *address, size_t bytes, int advice)
{
    (void)bytes;
    bool known = advice >= POSIX_MADV_NORMAL && advice <= POSIX_MADV_DONTNEED;
    return (uintptr_t)address % PAGE_BYTES != 0 || !known ? EINVAL : 0;
}

int mlock(const void *address, size_t bytes)
{
    (void)address, (void)bytes;
    return 0;
}

int munlock(const void *address, size_t bytes)
{
    (void)address, (void)bytes;
    return 0;
}

int mlockall(int flags)
{
    return (int)errno_result(flags & ~(MCL_CURRENT | MCL_FUTURE) ? -EINVAL : 0);
}

int munlockall(void)
{
    return 0;
}
