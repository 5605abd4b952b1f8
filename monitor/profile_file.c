/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes a profile's file; see profile_file.h. Written as it comes: a run that is killed leaves what
 * there was, without the last line. */
#include "profile_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "profile_text.h"
#include "say.h"

#define ELF_HEADER_BYTES 64u /* names where the sections lie, which strip changes */
#define FNV_OFFSET 0xcbf29ce484222325u
#define FNV_PRIME 0x100000001b3u

uint64_t profile_image_hash(const struct image *image)
{
    uint64_t hash = FNV_OFFSET;

    for (unsigned i = 0; i < image->elf.segment_count; i++) {
        const struct elf_segment *segment = &image->elf.segments[i];
        uint64_t at = segment->file_offset, end = at + segment->file_bytes;
        hash = (hash ^ segment->address) * FNV_PRIME;
        for (at = at < ELF_HEADER_BYTES ? ELF_HEADER_BYTES : at; at < end; at++)
            hash = (hash ^ image->file[at]) * FNV_PRIME;
    }
    return hash;
}

static void put(struct profile_file *file, const char *text, size_t length)
{
    for (size_t done = 0; done < length && !file->failed;) {
        ssize_t written = write(file->fd, text + done, length - done);
        if (written < 0 && errno != EINTR) {
            say("--profile %s: %s", file->path, strerror(errno));
            file->failed = true;
        } else if (written > 0) {
            done += (size_t)written;
        }
    }
    file->bytes += length;
}

int profile_file_open(struct profile_file *file, const char *path, uint32_t rate,
                      const struct image *image)
{
    char head[128];

    *file = (struct profile_file){.path = path};
    if (!path)
        return 0;
    file->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    if (file->fd < 0) {
        int error = errno;
        say("--profile %s: %s", path, strerror(error));
        file->path = NULL;
        return -error;
    }
    int length = snprintf(head, sizeof head,
                          PROFILE_FIRST_LINE "\nimage %016" PRIx64 "\nrate %" PRIu32 "\n",
                          profile_image_hash(image), rate);
    put(file, head, (size_t)length);
    return 0;
}

bool profile_file_take(struct profile_file *file, const char *line, size_t length)
{
    const size_t mark = strlen(PROFILE_MARK);
    char text[PROFILE_LINE_MAX + 1];
    struct profile_line parsed;

    if (!file->path || length < mark || memcmp(line, PROFILE_MARK, mark) != 0)
        return false;
    length -= mark;
    if (length > PROFILE_LINE_MAX)
        return true;
    /* What is written is what was looked at: the guest may change its own at any time. */
    memcpy(text, line + mark, length);
    if (!profile_line_read(text, length, &parsed))
        return true;
    text[length++] = '\n';
    if (length > PROFILE_FILE_MAX - file->bytes)
        file->cut++;
    else
        put(file, text, length);
    return true;
}

void profile_file_close(struct profile_file *file)
{
    char last[64];

    if (!file->path)
        return;
    int length = file->cut ? snprintf(last, sizeof last, "cut %" PRIu64 "\nend\n", file->cut)
                           : snprintf(last, sizeof last, "end\n");
    put(file, last, (size_t)length);
    if (close(file->fd) && !file->failed)
        say("--profile %s: %s", file->path, strerror(errno));
    file->path = NULL;
}
