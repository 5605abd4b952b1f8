/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one boot record: what every entry (native, PVH, ...) fills in before any other code runs, and
 * the only thing that the kernel learns of its start. Lives for ever; the seed is erased by the
 * random generator.
 */
#ifndef ARCH_BOOTREC_H
#define ARCH_BOOTREC_H

#include <stdbool.h>
#include <stdint.h>

#define BOOTREC_RANGES_MAX 8u
#define BOOTREC_MODULES_MAX 8u

struct bootrec_range {
    uint64_t begin, end; /* page-aligned addresses, end exclusive */
};

/* A file that the boot loader brought along (an initrd). Its pages are no RAM, and read-only. */
struct bootrec_module {
    uint64_t begin, end; /* page-aligned only if the loader did so */
};

struct bootrec {
    /* Usable RAM without the image and the modules, ascending. */
    struct bootrec_range ram[BOOTREC_RANGES_MAX];
    unsigned ram_count;
    bool ram_is_zero;   /* the host hands RAM out as zeros */
    uint64_t ram_bytes; /* all of the VM's RAM, image included, modules not */

    /* NUL-terminated strings, one after the other. */
    const char *args;
    uint32_t arg_count, arg_bytes;
    const char *env;
    uint32_t env_count, env_bytes;

    struct bootrec_module modules[BOOTREC_MODULES_MAX];
    unsigned module_count;

    uint8_t *seed; /* 32 random bytes, or NULL */

    uint32_t profile_hz; /* samples a second that the profiler takes; 0: it is off */

    /* How long looking for the answer of a disk costs less than sleeping until it comes; 0: an event
     * shows only in sleep, or the other side needs this CPU to answer. */
    uint32_t poll_ns;
};

#define BOOTREC_SEED_BYTES 32u

/* Every entry ends here, on the boot stack (image.lds), with arch_cpu_info filled in: sets the
 * stack canary and the first thread's block up and calls kernel_start. What runs before has no
 * stack protector. */
void arch_start(const struct bootrec *record) __attribute__((noreturn));

/* arch reaches upward here and nowhere else. */
void kernel_start(const struct bootrec *record) __attribute__((noreturn));
/* Entered with upcalls masked for each upcall, on the stack of the interrupted thread; may switch
 * threads. Returns to resume what was interrupted. */
void kernel_upcall(void);

#endif
