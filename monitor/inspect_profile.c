/* SPDX-License-Identifier: BSD-2-Clause */
/* `coracle inspect --profile FILE IMAGE`: a profile as folded stacks, on standard output. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"
#include "profile_file.h"
#include "profile_fold.h"
#include "run.h"
#include "say.h"

/* All of a file, which the caller frees. NULL after a line that says why. */
static char *read_file(const char *path, size_t *length)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat status;
    char *text = NULL;
    ssize_t got = 0;

    *length = 0;
    if (fd < 0 || fstat(fd, &status)) {
        say("--profile %s: %s", path, strerror(errno));
    } else if (!S_ISREG(status.st_mode) || status.st_size > 2 * (off_t)PROFILE_FILE_MAX) {
        say("--profile %s: not a profile of coracle's", path);
    } else if (!(text = malloc((size_t)status.st_size + 1))) {
        say("out of memory");
    } else {
        while (*length < (size_t)status.st_size &&
               (got = read(fd, text + *length, (size_t)status.st_size - *length)) > 0)
            *length += (size_t)got;
        if (got < 0) {
            say("--profile %s: %s", path, strerror(errno));
            free(text);
            text = NULL;
        }
    }
    if (fd >= 0)
        close(fd);
    return text;
}

static const char *wrong(enum profile_result result)
{
    switch (result) {
    case PROFILE_FOREIGN:
        return "not a profile of coracle's";
    case PROFILE_SHORT:
        return "its end is missing (cut off, or still being written)";
    default:
        return "damaged";
    }
}

static int print_profile(const char *path, const struct image *image, const char *text,
                         size_t length)
{
    struct profile_reader reader;
    struct text out = {0};
    enum profile_result result = profile_read_head(&reader, text, length);
    int status = 0;

    if (result == PROFILE_OK && reader.head.image_hash != profile_image_hash(image)) {
        say("--profile %s: of another image than %s", path, image->path);
        return STATUS_USAGE;
    }
    if (result == PROFILE_OK)
        result = profile_fold(&reader, image->file, &image->elf, &out);
    if (result != PROFILE_DONE) {
        say("--profile %s: %s", path, wrong(result));
        status = STATUS_USAGE;
    } else if (out.failed) {
        say("out of memory");
        status = STATUS_MONITOR;
    } else {
        if (reader.cut)
            say("--profile %s: %llu lines had no room in the file", path,
                (unsigned long long)reader.cut);
        if (out.length)
            fputs(out.bytes, stdout);
        if (fflush(stdout) || ferror(stdout)) {
            say("inspect: standard output cannot be written");
            status = STATUS_MONITOR;
        }
    }
    text_free(&out);
    return status;
}

int inspect_profile(const char *path, const char *profile)
{
    struct image image;
    size_t length;
    int status = STATUS_USAGE;

    if (image_open(&image, path))
        return STATUS_USAGE;
    if (!image.elf.symbol_count) {
        say("--profile %s: %s has no symbols (removed by strip?)", profile, path);
    } else {
        char *text = read_file(profile, &length);
        if (text)
            status = print_profile(profile, &image, text, length);
        free(text);
    }
    image_close(&image);
    return status;
}
