/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's log channel under a foreign VMM, as it passes through the command: how the guest
 * ended is taken out, addresses of a crash report get names. Pure code: bytes in, text out. The
 * guest may write anything here; only what has the form below counts.
 *
 *     "\001coracle-counters K U W\n"    before it, where asked for: kicks, upcalls, waits; as 0x1f
 *     "\001coracle-pages G K B L\n"   likewise, under Xen: pages granted, kept by backends, given to Xen by
 *                               the balloon, leaked; as 0x1f
 *     "\001coracle-profile WORDS\n"   what the profiler has to say: profile_text.h
 *     "\001coracle-stamps M S T...\n"   at main and at the end, where asked for: pvclock's multiplier and
 *                               shift, and enum pvn_stamp's cycles; as 0x1f
 *     "\001coracle-exit N\n"    the status, 0 to 255; after a report: 134
 *     "crash: WORDS\n"          begins a report: "coracle: IMAGE: crash: WORDS"
 *     "  at 0xADDRESS\n"        within one: the place itself, then
 *     "  by 0xADDRESS\n"        return addresses
 */
#ifndef MONITOR_LAUNCH_LOG_H
#define MONITOR_LAUNCH_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "elf.h"
#include "pvabi/native.h"
#include "words.h"

enum launch_end { LAUNCH_END_NONE, LAUNCH_END_EXIT };

#define LAUNCH_LINE_MAX 1024u

/* What a guest under Xen has done with its pages, at its end. */
struct launch_pages {
    uint64_t granted, kept, given, leaked;
};

struct launch_log {
    const char *path;    /* the image's name */
    const uint8_t *file; /* and its bytes, for names of addresses; NULL: none */
    const struct elf_image *elf;
    struct text out;     /* what is to be shown; the caller takes it and sets length to 0 */
    enum launch_end end; /* the first one said */
    int status;          /* with LAUNCH_END_EXIT */
    /* Takes a mark of the profiler's; true: it was one. NULL: nobody wants them. */
    bool (*take_profile)(void *context, const char *line, size_t length);
    void *profile_context;
    bool counted; /* the counters were said: */
    uint64_t kicks, upcalls, waits;
    bool pages_counted; /* likewise: */
    struct launch_pages pages;
    bool stamped; /* the steps of the start were said, with the clock's scale: */
    uint64_t mul, shift, stamps[PVN_STAMP_COUNT];
    bool in_report;
    bool reported;              /* a crash report was seen */
    char line[LAUNCH_LINE_MAX]; /* the line that has begun */
    size_t length;
};

void launch_log_feed(struct launch_log *log, const char *bytes, size_t count);

/* Whether a mark has begun and not ended. */
bool launch_log_amid_mark(const struct launch_log *log);

/* The channel has ended: what remains of an unfinished line goes out. */
void launch_log_finish(struct launch_log *log);

#endif
