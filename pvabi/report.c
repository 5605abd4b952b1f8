/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Crash reports of the platforms that handle their own traps (pvabi/report.h). Trusts nothing that
 * it finds: what is read is mapped. Compiled without SSE and without stack protector, as it runs on
 * the traps' own stacks and before there is a canary.
 */
#include "pvabi/report.h"

#include "pvabi/native.h"

#define PAGE 4096ull
#define VECTORS 32u
#define VECTOR_GENERAL_PROTECTION 13u
#define VECTOR_PAGE_FAULT 14u
#define FAULT_WRITE 2u
#define FAULT_FETCH 16u
#define STACK_SEARCH_PAGES 64u
#define FRAME_BYTES_MAX (64u << 10)
#define BACKTRACE_MAX 32u

const struct pv_machine *pv_machine;

void pv_say(const char *text)
{
    pv_machine->log(text, __builtin_strlen(text));
}

void pv_say_hex(uint64_t value, unsigned digits)
{
    char text[16];
    unsigned at = sizeof(text);

    do {
        text[--at] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (at > 0 && (value != 0 || sizeof(text) - at < digits));
    pv_machine->log(text + at, sizeof(text) - at);
}

void pv_say_decimal(unsigned value)
{
    char text[10];
    unsigned at = sizeof(text);

    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    pv_machine->log(text + at, sizeof(text) - at);
}

static void report_address(const char *before, uint64_t address)
{
    pv_say(before);
    pv_say_hex(address, 1);
    pv_say("\n");
}

/* Prints return addresses by frame pointers, line by line, as far as they make sense. */
static void report_callers(uint64_t at)
{
    for (unsigned i = 0; i < BACKTRACE_MAX; i++) {
        const uint64_t *here = (const uint64_t *)at;

        if (at % 8 != 0 || !pv_machine->mapped(at) || !pv_machine->mapped(at + 8) || here[1] == 0)
            return;
        report_address("  by 0x", here[1]);
        if (here[0] <= at)
            return;
        at = here[0];
    }
    pv_say("  ...\n");
}

static void report_registers(const struct pv_trap_frame *frame)
{
    static const struct {
        const char *name;
        uint8_t offset;
    } report_names[] = {
#define REGISTER(text, field) {text, offsetof(struct pv_trap_frame, field)}
        REGISTER("  rax ", rax),   REGISTER("  rbx ", rbx),   REGISTER("  rcx ", rcx),
        REGISTER("  rdx ", rdx),   REGISTER("\n  rsi ", rsi), REGISTER("  rdi ", rdi),
        REGISTER("  rbp ", rbp),   REGISTER("  rsp ", rsp),   REGISTER("\n  r8  ", r8),
        REGISTER("  r9  ", r9),    REGISTER("  r10 ", r10),   REGISTER("  r11 ", r11),
        REGISTER("\n  r12 ", r12), REGISTER("  r13 ", r13),   REGISTER("  r14 ", r14),
        REGISTER("  r15 ", r15),   REGISTER("\n  rip ", rip),
#undef REGISTER
    };

    for (unsigned i = 0; i < sizeof(report_names) / sizeof(report_names[0]); i++) {
        const char *at = (const char *)frame + report_names[i].offset;

        pv_say(report_names[i].name);
        pv_say_hex(*(const uint64_t *)(const void *)at, 16);
    }
    pv_say("  rflags ");
    pv_say_hex(frame->rflags, 8);
    pv_say("\n");
}

/* A page that is not there, below the stack (see the monitor's rule, which this repeats). */
static bool report_is_overflow(uint64_t address, uint64_t rsp)
{
    uint64_t page = address & -PAGE;
    bool below = address <= rsp && rsp - address <= 2u * PVN_RED_ZONE;
    bool in_frame = address > rsp && address - rsp <= FRAME_BYTES_MAX && !pv_machine->mapped(rsp);

    if (address < PVN_RAM_BASE || pv_machine->mapped(page) || (!below && !in_frame))
        return false;
    for (unsigned i = 1; i <= STACK_SEARCH_PAGES; i++) {
        if (pv_machine->mapped(page + i * PAGE) & PV_MAP_WRITE)
            return true;
    }
    return false;
}

static void report_page_fault(const struct pv_trap_frame *frame, uint64_t address)
{
    unsigned mapped = pv_machine->mapped(address);
    bool overflow = !(frame->error & FAULT_FETCH) && report_is_overflow(address, frame->rsp);

    pv_say(overflow ? "stack overflow: " : "page fault: ");
    pv_say(frame->error & FAULT_FETCH   ? "execute at 0x"
           : frame->error & FAULT_WRITE ? "write to 0x"
                                        : "read from 0x");
    pv_say_hex(address, 1);
    if (overflow)
        return;
    if (address < PAGE)
        pv_say(" (NULL page)");
    else if (mapped && frame->error & FAULT_FETCH)
        pv_say(" (non-executable memory)");
    else if (mapped && frame->error & FAULT_WRITE)
        pv_say(mapped & PV_MAP_EXECUTE ? " (program text)" : " (read-only memory)");
    else if (pv_machine->in_ram(address))
        pv_say(" (a guard page or protected memory)");
    else
        pv_say(" (unmapped memory)");
}

static void report_exception(const struct pv_trap_frame *frame, uint64_t address)
{
    static const char *const report_exceptions[VECTORS] = {
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
    const char *name = report_exceptions[frame->vector % VECTORS];

    if (frame->vector == VECTOR_PAGE_FAULT) {
        report_page_fault(frame, address);
    } else if (frame->vector == VECTOR_GENERAL_PROTECTION && frame->error & 2) {
        pv_say("general protection: software interrupt 0x");
        pv_say_hex(frame->error >> 3, 1);
    } else if (frame->vector == VECTOR_GENERAL_PROTECTION) {
        pv_say("general protection: a privileged instruction or a non-canonical address");
    } else {
        pv_say(name != NULL ? name : "exception");
        pv_say(" (exception ");
        pv_say_decimal((unsigned)frame->vector);
        pv_say(")");
    }
}

void pv_report_trap(const struct pv_trap_frame *frame, uint64_t address)
{
    static bool report_begun;

    if (report_begun)
        return;
    report_begun = true;
    pv_say("crash: ");
    report_exception(frame, address);
    pv_say("\n");
    report_registers(frame);
    report_address("backtrace:\n  at 0x", frame->rip);
    /* After a jump to nowhere the return address on top of the stack is the only trace. */
    if (!(pv_machine->mapped(frame->rip) & PV_MAP_EXECUTE) && frame->rsp % 8 == 0 &&
        pv_machine->mapped(frame->rsp)) {
        uint64_t caller = *(const uint64_t *)frame->rsp;

        if (pv_machine->mapped(caller) & PV_MAP_EXECUTE)
            report_address("  by 0x", caller);
    }
    report_callers(frame->rbp);
}

void pv_report_crash(const char *message, const void *frame)
{
    pv_say("crash: ");
    pv_say(message);
    pv_say("\n");
    if (frame == NULL)
        return;
    pv_say("backtrace:\n");
    report_callers((uintptr_t)frame);
}
