/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Start-up. kernel_start is entered by arch with the one boot record; it runs the one ordered list
 * and then the program. The functions below it belong to the layers above and are optional parts of
 * an image: weak references, present when the program links them.
 */
#ifndef KERNEL_START_H
#define KERNEL_START_H

#include "arch/arch.h"
#include "arch/bootrec.h" /* struct bootrec, for program_start */
#include "pvabi/pv.h"

extern const struct bootrec *bootrec; /* kept for the life of the VM */

/* By the layers above; each returns 0 or a negative errno with a line logged. */
int fs_start(void) __attribute__((weak));  /* mounts /tmp, /dev, /proc and blk0's file system */
int net_start(void) __attribute__((weak)); /* brings interfaces up; waits for nothing */
/* The C library's seam: builds argv and environ, runs main, exits with its status. Always there. */
void program_start(const struct bootrec *record) __attribute__((noreturn));

/* The host asks the program to end: it is sent SIGTERM. Absent where no program can catch that. In a
 * thread of the kernel's own. */
void program_ask_to_end(void) __attribute__((weak));

/* A step of the start is done. Costs two instructions where nobody asks (pv_stamps). */
static inline void start_stamp(enum pv_stamp step)
{
    if (pv_stamps != NULL)
        pv_stamps[step] = arch_cycles();
}

/* The last step: main is called next. */
static inline void start_stamp_main(void)
{
    if (pv_stamps == NULL)
        return;
    pv_stamps[PV_STAMP_MAIN] = arch_cycles();
    if (pv->stamps_tell != NULL)
        pv->stamps_tell();
}

/* Ends the VM with the program's status: pv->exit. Called by _exit. */
void kernel_exit(int status) __attribute__((noreturn));

#endif
