/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the log channel of a guest under a foreign VMM; see launch_log.h. */
#include "launch_log.h"

#include <stdlib.h>
#include <string.h>

#include "symbols.h"

#define MARK '\001'
#define STATUS_MAX 255

/* True when the line begins with `prefix`; *rest is what follows. */
static bool begins(const char *line, const char *prefix, const char **rest)
{
    size_t length = strlen(prefix);

    if (strncmp(line, prefix, length) != 0)
        return false;
    *rest = line + length;
    return true;
}

/* Numbers in hexadecimal, each after a space but the first. */
static bool take_numbers(const char *at, uint64_t *const *numbers, unsigned count)
{
    char *end;

    for (unsigned i = 0; i < count; i++, at = end) {
        if (i && *at++ != ' ')
            return false;
        if (strncmp(at, "0x", 2) != 0)
            return false;
        *numbers[i] = strtoull(at, &end, 16);
        if (end == at + 1)
            return false;
    }
    return !*at;
}

/* A line from MARK on. Unknown ones are dropped: they are not meant for people. */
static void take_mark(struct launch_log *log, const char *line)
{
    const char *rest;

    if (log->end != LAUNCH_END_NONE)
        return;
    if (begins(line, "coracle-counters ", &rest)) {
        uint64_t *counters[3] = {&log->kicks, &log->upcalls, &log->waits};
        log->counted = take_numbers(rest, counters, 3);
    } else if (begins(line, "coracle-pages ", &rest)) {
        struct launch_pages *pages = &log->pages;
        uint64_t *counters[4] = {&pages->granted, &pages->kept, &pages->given, &pages->leaked};
        log->pages_counted = take_numbers(rest, counters, 4);
    } else if (begins(line, "coracle-stamps ", &rest)) {
        uint64_t *numbers[2 + PVN_STAMP_COUNT] = {&log->mul, &log->shift};
        for (unsigned i = 0; i < PVN_STAMP_COUNT; i++)
            numbers[2 + i] = &log->stamps[i];
        log->stamped = take_numbers(rest, numbers, 2 + PVN_STAMP_COUNT);
    } else if (begins(line, "coracle-exit ", &rest)) {
        size_t digits = strspn(rest, "0123456789");
        int status = digits && digits <= 3 && !rest[digits] ? atoi(rest) : -1;
        if (status < 0 || status > STATUS_MAX)
            return;
        log->end = LAUNCH_END_EXIT;
        log->status = status;
    }
}

static bool in_text(const struct elf_image *elf, uint64_t address)
{
    for (unsigned i = 0; i < elf->segment_count; i++) {
        const struct elf_segment *segment = &elf->segments[i];
        if (segment->rights == ELF_READ_EXECUTE && address >= segment->address &&
            address - segment->address < segment->memory_bytes)
            return true;
    }
    return false;
}

/* " name+0xOFFSET" for the address in `digits`; a return address may be the next function's
 * first. */
static void add_name(struct launch_log *log, const char *digits, unsigned back)
{
    struct symbol symbol;
    char *end;
    uint64_t address = strtoull(digits, &end, 16);

    if (end == digits || *end || !log->file || address < back ||
        !in_text(log->elf, address - back) ||
        !symbols_find(log->file, log->elf, address - back, &symbol))
        return;
    text_format(&log->out, " %s+0x%llx", symbol.name, (unsigned long long)symbol.offset + back);
}

static void end_line(struct launch_log *log)
{
    const char *rest;

    log->line[log->length] = 0;
    if (log->line[0] == MARK) {
        if (log->take_profile && log->end == LAUNCH_END_NONE &&
            log->take_profile(log->profile_context, log->line, log->length)) {
            log->length = 0;
            return;
        }
        take_mark(log, log->line + 1);
        log->length = 0;
        return;
    }
    if (begins(log->line, "crash: ", &rest) && strlen(log->line) == log->length) {
        text_format(&log->out, "coracle: %s: ", log->path);
        log->in_report = log->reported = true;
    }
    text_add(&log->out, log->line, log->length);
    if (log->in_report && begins(log->line, "  at 0x", &rest))
        add_name(log, rest, 0);
    else if (log->in_report && begins(log->line, "  by 0x", &rest))
        add_name(log, rest, 1);
    text_add(&log->out, "\n", 1);
    log->length = 0;
}

/* Lets go of an unfinished line as it is; marks are never shown. */
static void flush_part(struct launch_log *log)
{
    if (log->length && log->line[0] != MARK)
        text_add(&log->out, log->line, log->length);
    log->length = 0;
}

void launch_log_feed(struct launch_log *log, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] == '\n') {
            end_line(log);
            continue;
        }
        if (bytes[i] == MARK || log->length == sizeof log->line - 1)
            flush_part(log);
        log->line[log->length++] = bytes[i];
    }
}

bool launch_log_amid_mark(const struct launch_log *log)
{
    return log->length && log->line[0] == MARK;
}

void launch_log_finish(struct launch_log *log)
{
    if (log->length && log->line[0] == MARK)
        end_line(log);
    flush_part(log);
}
