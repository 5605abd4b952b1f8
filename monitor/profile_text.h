/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The form of a profile: what the guest's profiler says, line by line, and the file that is made of
 * it. Pure code. The guest may write anything; only what has the form below counts.
 *
 *     coracle profile 1                  the first line of a file
 *     image HASH                         of the image's loaded bytes, in hexadecimal
 *     rate HZ
 *     stack COUNT PC TOP CALLER... =THREAD    the guest's, addresses in hexadecimal; TOP 0: none
 *     idle COUNT                         samples when no thread ran
 *     lost COUNT                         samples for which the guest had no room
 *     cut COUNT                          lines for which the file had no room
 *     end                                the last line
 *
 * The guest marks its lines with PROFILE_MARK in the log channel.
 */
#ifndef MONITOR_PROFILE_TEXT_H
#define MONITOR_PROFILE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROFILE_MARK "\001coracle-profile "
#define PROFILE_FIRST_LINE "coracle profile 1"
#define PROFILE_LINE_MAX 800u
#define PROFILE_CALLERS_MAX 64u
#define PROFILE_THREAD_MAX 16u /* with its NUL */

enum profile_kind { PROFILE_STACK, PROFILE_IDLE, PROFILE_LOST };

struct profile_line {
    enum profile_kind kind;
    uint32_t count; /* at least 1 */
    uint32_t pc, top;
    uint32_t callers[PROFILE_CALLERS_MAX]; /* return addresses, the nearest first */
    unsigned caller_count;
    char thread[PROFILE_THREAD_MAX]; /* printable ASCII */
};

/* Reads a line of the guest's, without its mark and without the newline. False: it is none. */
bool profile_line_read(const char *text, size_t length, struct profile_line *line);

struct profile_head {
    uint64_t image_hash;
    uint32_t rate;
};

/* Steps through a whole file's text. */
struct profile_reader {
    const char *at, *end;
    struct profile_head head;
    uint64_t cut;
    bool ended; /* the last line was read */
};

enum profile_result {
    PROFILE_OK,      /* a line was read */
    PROFILE_DONE,    /* that was all, and it is whole */
    PROFILE_FOREIGN, /* no profile, or one of another version */
    PROFILE_SHORT,   /* its end is missing */
    PROFILE_DAMAGED  /* a line is none of a profile's */
};

/* PROFILE_OK, or what is wrong with the head. The text need not end with a NUL and must stay. */
enum profile_result profile_read_head(struct profile_reader *reader, const char *text,
                                      size_t length);
/* The next of the guest's lines. */
enum profile_result profile_read_next(struct profile_reader *reader, struct profile_line *line);

#endif
