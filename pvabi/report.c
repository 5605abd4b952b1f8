/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Crash reports of the platforms that handle their own traps (pvabi/report.h). Trusts nothing that
 * it finds: what is read is mapped. Compiled without SSE and without stack protector, as it runs on
 * the traps' own stacks and before there is a canary.
 */
#include "pvabi/report.h"
#include "pvabi/pv.h"

#include "pvabi/fault.h"

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

static unsigned report_look(const void *context, uint64_t address)
{
    unsigned mapped = pv_machine->mapped(address);

    (void)context;
    return (mapped & PV_MAP_PRESENT ? PV_PAGE_PRESENT : 0) |
           (mapped & PV_MAP_WRITE ? PV_PAGE_WRITE : 0) |
           (mapped & PV_MAP_EXECUTE ? PV_PAGE_EXECUTE : 0) |
           (pv_machine->in_ram(address) ? PV_PAGE_RAM : 0);
}

static void report_page_fault(const struct pv_trap_frame *frame, uint64_t address)
{
    bool overflow = pv_fault_is_stack_overflow(address, frame->error, frame->rsp, report_look,
                                               NULL);

    pv_say(overflow ? "stack overflow: " : "page fault: ");
    pv_say(pv_fault_access(frame->error));
    pv_say(" 0x");
    pv_say_hex(address, 1);
    if (overflow)
        return;
    pv_say(" (");
    pv_say(pv_fault_why(address, frame->error, report_look(NULL, address)));
    pv_say(")");
}

static void report_exception(const struct pv_trap_frame *frame, uint64_t address)
{
    if (frame->vector == PV_FAULT_PAGE) {
        report_page_fault(frame, address);
    } else if (frame->vector == PV_FAULT_GENERAL_PROTECTION &&
               frame->error & PV_FAULT_IS_INTERRUPT) {
        pv_say(PV_FAULT_INTERRUPT_TEXT);
        pv_say_hex(frame->error >> 3, 1);
    } else if (frame->vector == PV_FAULT_GENERAL_PROTECTION) {
        pv_say(PV_FAULT_PROTECTION_TEXT);
    } else {
        pv_say(pv_fault_name((unsigned)frame->vector % PV_FAULT_VECTORS));
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

void pv_report_counters(void)
{
    pv_say("\001coracle-counters 0x");
    pv_say_hex(pv_counters.doorbells, 1);
    pv_say(" 0x");
    pv_say_hex(pv_counters.upcalls, 1);
    pv_say(" 0x");
    pv_say_hex(pv_counters.waits, 1);
    pv_say("\n");
}
