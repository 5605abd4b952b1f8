/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One running VM: what run.c puts together and the vCPU's thread (vcpu.c, hypercall.c, crash.c)
 * works on. Nothing here is touched by the devices' thread, except through events.h.
 */
#ifndef MONITOR_VM_H
#define MONITOR_VM_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "event.h"
#include "image.h"
#include "kvm.h"
#include "layout.h"
#include "memory.h"
#include "options.h"
#include "profile_file.h"
#include "pvabi/native.h"
#include "tables.h"

struct board;
struct json;

#define CHANNEL_COUNT 3

struct counters {
    uint64_t exits_io, exits_signal, exits_other;
    uint64_t hypercalls[PVN_HC_COUNT];
    uint64_t written_bytes[CHANNEL_COUNT];
    uint64_t protected_pages, discarded_pages;
    uint64_t start_ns;     /* CLOCK_MONOTONIC when the command started */
    uint64_t first_run_ns; /* when the guest was entered first, after the start */
    uint64_t end_ns;
};

struct vm {
    const struct options *options;
    struct image image;
    struct layout layout;
    struct guest_memory memory;
    struct tables tables;
    struct kvm kvm;
    struct pvn_cpu_x86_64 cpu;
    struct events events;
    struct clock clock;
    struct board *board;
    struct counters counters;
    struct profile_file profile;

    /* A PROTECT whose list of entries is being written by the guest's page-table writer. */
    uint64_t protect_at, protect_end;
    enum pvn_rights protect_rights;

    /* How it ended. */
    bool ended;
    const char *cause; /* a word for --stats */
    int status;
};

/* Remembers the first end; the run loop leaves after it. */
void vm_end(struct vm *vm, const char *cause, int status);

/* Runs the guest until it ends. */
void vcpu_run(struct vm *vm);

/* Serves the hypercall whose OUT just exited; registers are in the run structure. */
void hypercall_serve(struct vm *vm);

/* Continues a PROTECT: the page-table writer asks for the next part of its list. */
void hypercall_continue_protect(struct vm *vm);

/* --- Crash reports (crash.c): each ends the VM with status 134. --- */

/* An exception stub reported. */
void crash_exception(struct vm *vm);

/* The guest did what the ABI forbids: registers and backtrace are those of now. */
void crash_rule(struct vm *vm, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* PVN_HC_CRASH: the kernel's own last words. */
void crash_words(struct vm *vm, const char *words, uint64_t words_bytes, uint64_t frame);

/* --- Counters (stats.c) --- */
int stats_open(const char *path); /* a descriptor, or a negative errno with a printed line */
void stats_write(struct vm *vm, int fd);
/* Writes a finished JSON text and a newline to fd; `path` is for messages. */
void stats_put(struct json *json, const char *path, int fd);
/* The CPU time and the most memory of the process that runs the guest. */
struct rusage;
void stats_add_usage(struct json *json, const struct rusage *usage);

#endif
