/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Words for people where no hypervisor finds them: early complaints and crash reports, in the words
 * that the native monitor uses. For the platforms that handle their own traps (bare, Xen); usable as
 * soon as pv_machine is set, in any context.
 */
#ifndef PVABI_REPORT_H
#define PVABI_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PV_CRASH_STATUS 134

/* What a report asks of the platform. */
struct pv_machine {
    void (*log)(const char *data, size_t bytes); /* to PV_LOG */
    unsigned (*mapped)(uint64_t address);        /* PV_MAP_*, or 0 for nothing */
    bool (*in_ram)(uint64_t address);            /* the image included */
    /* Ends the VM as crashed, when the report was said. */
    void (*end)(void) __attribute__((noreturn));
};
#define PV_MAP_PRESENT 1u
#define PV_MAP_WRITE 2u
#define PV_MAP_EXECUTE 4u

/* Set by the platform before anything else here is called. */
extern const struct pv_machine *pv_machine;

/* A piece of text or a number on the log channel. */
void pv_say(const char *text);
void pv_say_hex(uint64_t value, unsigned digits); /* at least so many digits, at most 16 */
void pv_say_decimal(unsigned value);

/* The line that a launcher reads for its statistics, at a program's end. */
void pv_report_counters(void);

/* The registers of interrupted code, from the lowest address as arch/frame.h and the CPU (or Xen)
 * lay them. */
struct pv_trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

/* "crash: WHAT", the registers and the callers. `address` is where a page fault was. A second call
 * (the report itself went wrong) says nothing. */
void pv_report_trap(const struct pv_trap_frame *frame, uint64_t address);
/* "crash: MESSAGE" and the callers from `frame` on, unless it is NULL. */
void pv_report_crash(const char *message, const void *frame);

#endif
