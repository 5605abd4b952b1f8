/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens image files and maps their segments. What a sound file is, elf.c decides. See image.h. */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "say.h"

/* Writable data up to this size is read into anonymous memory at once: the guest's first touch of
 * each page would cost more. Larger data is mapped and comes page by page. */
#define DATA_COPY_MAX (256u << 10)

#define PAGE PVN_PAGE_SIZE

static uint64_t page_down(uint64_t value)
{
    return value & ~(PAGE - 1);
}

static uint64_t page_up(uint64_t value)
{
    return page_down(value + PAGE - 1);
}

static int map_file(struct image *image)
{
    struct stat status;

    if (fstat(image->fd, &status))
        return -errno;
    if (S_ISDIR(status.st_mode))
        return -EISDIR;
    if (!S_ISREG(status.st_mode)) {
        say("%s: not a regular file", image->path);
        return -ENOEXEC;
    }
    if (status.st_size == 0) {
        say("%s: not an image: the file is empty", image->path);
        return -ENOEXEC;
    }
    void *file = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, image->fd, 0);
    if (file == MAP_FAILED)
        return -errno;
    image->file = file;
    image->file_bytes = (uint64_t)status.st_size;
    return 0;
}

int image_open(struct image *image, const char *path)
{
    char error[ELF_ERROR_MAX];
    int result;

    *image = (struct image){.path = path};
    image->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    result = image->fd < 0 ? -errno : map_file(image);
    if (result) {
        if (result != -ENOEXEC)
            say("%s: %s", path, strerror(-result));
        image_close(image);
        return result;
    }
    result = elf_parse(image->file, image->file_bytes, &image->elf, error);
    if (result) {
        say("%s: not an image: %s", path, error);
        image_close(image);
    }
    return result;
}

void image_close(struct image *image)
{
    if (image->file)
        munmap((void *)(uintptr_t)image->file, image->file_bytes);
    if (image->fd >= 0)
        close(image->fd);
    image->file = NULL;
    image->fd = -1;
}

static int map_shared(const struct image *image, const struct elf_segment *segment, uint8_t *host,
                      int protection)
{
    uint64_t lead = segment->file_offset % PAGE;
    void *mapped = mmap(host, page_up(lead + segment->file_bytes), protection,
                        MAP_PRIVATE | MAP_FIXED, image->fd, (off_t)(segment->file_offset - lead));
    return mapped == MAP_FAILED ? -errno : 0;
}

static int read_data(const struct image *image, const struct elf_segment *segment, uint8_t *host)
{
    uint64_t done = 0;
    host += segment->address % PAGE;
    while (done < segment->file_bytes) {
        ssize_t got = pread(image->fd, host + done, segment->file_bytes - done,
                            (off_t)(segment->file_offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -EIO;
        done += (uint64_t)got;
    }
    return 0;
}

static int place_segment(const struct image *image, const struct elf_segment *segment,
                         struct guest_memory *memory)
{
    uint64_t begin = page_down(segment->address);
    uint64_t lead = segment->address - begin;
    uint8_t *host = memory->host + (begin - memory->base);
    int result;

    if (segment->rights != ELF_READ_WRITE) {
        result = map_shared(image, segment, host, PROT_READ);
        if (result)
            return result;
        memory->read_only[memory->read_only_count].begin = begin;
        memory->read_only[memory->read_only_count].end = page_up(segment->address +
                                                                 segment->memory_bytes);
        memory->read_only_count++;
        return 0;
    }
    if (segment->file_bytes == 0)
        return 0;
    if (segment->file_bytes <= DATA_COPY_MAX)
        return read_data(image, segment, host);
    result = map_shared(image, segment, host, PROT_READ | PROT_WRITE);
    if (result)
        return result;
    /* What follows in the file must not show in the zeros after the data. */
    uint64_t end = lead + segment->file_bytes;
    memset(host + end, 0, page_up(end) - end);
    return 0;
}

int image_map(const struct image *image, struct guest_memory *memory, const struct tables *tables)
{
    for (unsigned i = 0; i < image->elf.segment_count; i++) {
        const struct elf_segment *segment = &image->elf.segments[i];
        int result = place_segment(image, segment, memory);
        if (result) {
            say("%s: its segment at 0x%llx cannot be placed: %s", image->path,
                (unsigned long long)segment->address, strerror(-result));
            return result;
        }
        tables_map_image(tables, page_down(segment->address),
                         page_up(segment->address + segment->memory_bytes),
                         segment->rights == ELF_READ_WRITE, segment->rights == ELF_READ_EXECUTE);
    }
    return 0;
}
