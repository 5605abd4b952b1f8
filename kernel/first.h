/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the kernel: first calls, made once by kernel_start. */
#ifndef KERNEL_FIRST_H
#define KERNEL_FIRST_H

struct bootrec;

/* Hands the boot record's RAM to the page allocator. */
void page_start(const struct bootrec *record);
/* Takes the boot record's seed and erases it. */
void random_start(const struct bootrec *record);
/* Listens to what the host asks of the VM as a whole. */
void system_start(void);
/* Samples the program so often a second. */
void profile_start(unsigned hz);
/* The last words of a profiler that runs. */
void profile_end(void);

#endif
