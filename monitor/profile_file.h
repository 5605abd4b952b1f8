/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --profile: the file that the guest's profile goes to, while the guest runs. What the guest writes
 * is taken line by line, only in the form of profile_text.h, and only so much of it. Used by run.c and
 * by the launchers.
 */
#ifndef MONITOR_PROFILE_FILE_H
#define MONITOR_PROFILE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image.h"

#define PROFILE_FILE_MAX (64u << 20) /* bytes */

struct profile_file {
    const char *path; /* NULL: no profile is wanted, and nothing below happens */
    int fd;
    uint64_t bytes; /* written so far */
    uint64_t cut;   /* lines left out */
    bool failed;    /* to be written; said once */
};

/* Opens the file and writes its head. 0, or a negative errno with a printed line. */
int profile_file_open(struct profile_file *file, const char *path, uint32_t rate,
                      const struct image *image);
/* A line without its newline; true: it began with the profiler's mark and is not for people. */
bool profile_file_take(struct profile_file *file, const char *line, size_t length);
/* Writes the last line and closes. */
void profile_file_close(struct profile_file *file);

/* Stands for the bytes that an image loads, so that one without its symbols has the same. */
uint64_t profile_image_hash(const struct image *image);

#endif
