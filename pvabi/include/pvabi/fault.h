/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How an exception of the guest is named in a crash report, wherever the report is written: by the
 * native monitor, or by a platform that takes the exception itself. Numbers and error codes are the
 * x86-64's (Intel SDM, volume 3, 6.15). Pure; no C library.
 */
#ifndef PVABI_FAULT_H
#define PVABI_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "pvabi/native.h"

#define PV_FAULT_VECTORS 32u
#define PV_FAULT_GENERAL_PROTECTION 13u
#define PV_FAULT_PAGE 14u
/* Error codes: of page faults; of general protection by a software interrupt, its number << 3. */
#define PV_FAULT_WRITE 2u
#define PV_FAULT_FETCH 16u
#define PV_FAULT_IS_INTERRUPT 2u

/* What is known of the page that an address lies in. */
#define PV_PAGE_PRESENT 1u
#define PV_PAGE_WRITE 2u
#define PV_PAGE_EXECUTE 4u
#define PV_PAGE_RAM 8u     /* it is RAM, whether it is mapped or not */
#define PV_PAGE_SYSTEM 16u /* present, but only for the monitor */
typedef unsigned (*pv_page_look)(const void *context, uint64_t address);

#define PV_STACK_SEARCH_PAGES 64u
#define PV_STACK_FRAME_BYTES_MAX (64u << 10)

/* vector < PV_FAULT_VECTORS. "exception" when it has no name. */
static inline const char *pv_fault_name(unsigned vector)
{
    static const char *const names[PV_FAULT_VECTORS] = {
        [0] = "divide error",
        [1] = "debug trap",
        [2] = "non-maskable interrupt",
        [3] = "breakpoint",
        [4] = "overflow",
        [5] = "bound range exceeded",
        [6] = "invalid opcode",
        [7] = "no floating-point unit",
        [8] = "double fault",
        [10] = "invalid TSS",
        [11] = "segment not present",
        [12] = "stack segment fault",
        [13] = "general protection",
        [14] = "page fault",
        [16] = "x87 floating-point error",
        [17] = "alignment check",
        [18] = "machine check",
        [19] = "SIMD floating-point error",
        [21] = "control protection",
    };

    return names[vector] ? names[vector] : "exception";
}

#define PV_FAULT_PROTECTION_TEXT \
    "general protection: a privileged instruction or a non-canonical address"
#define PV_FAULT_INTERRUPT_TEXT "general protection: software interrupt 0x"

static inline const char *pv_fault_access(uint64_t error)
{
    return error & PV_FAULT_FETCH   ? "execute at"
           : error & PV_FAULT_WRITE ? "write to"
                                    : "read from";
}

/*
 * A page that is not there, with writable memory (the stack) above it, was hit either right below
 * the stack pointer (a push, a call, a red zone), or above one that is itself in such a page (a
 * large frame).
 */
static inline bool pv_fault_is_stack_overflow(uint64_t address, uint64_t error, uint64_t rsp,
                                              pv_page_look look, const void *context)
{
    uint64_t page = address & ~(PVN_PAGE_SIZE - 1);
    bool below = address <= rsp && rsp - address <= 2 * PVN_RED_ZONE;
    bool in_frame = address > rsp && address - rsp <= PV_STACK_FRAME_BYTES_MAX &&
                    !(look(context, rsp) & PV_PAGE_PRESENT);

    if (error & PV_FAULT_FETCH || address < PVN_RAM_BASE || (!below && !in_frame) ||
        (look(context, page) & (PV_PAGE_PRESENT | PV_PAGE_RAM)) != PV_PAGE_RAM)
        return false;
    for (unsigned i = 1; i <= PV_STACK_SEARCH_PAGES; i++) {
        if (look(context, page + i * PVN_PAGE_SIZE) & PV_PAGE_WRITE)
            return true;
    }
    return false;
}

/* What is wrong with touching a page. */
static inline const char *pv_fault_why(uint64_t address, uint64_t error, unsigned page)
{
    if (address < PVN_PAGE_SIZE)
        return "NULL page";
    if (page & PV_PAGE_SYSTEM)
        return "the monitor's memory";
    if (page & PV_PAGE_PRESENT && error & PV_FAULT_FETCH)
        return "non-executable memory";
    if (page & PV_PAGE_PRESENT && error & PV_FAULT_WRITE)
        return page & PV_PAGE_EXECUTE ? "program text" : "read-only memory";
    return page & PV_PAGE_RAM ? "a guard page or protected memory" : "unmapped memory";
}

#endif
