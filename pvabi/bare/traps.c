/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptor tables, and what exceptions and interrupts become: a crash report with the words that
 * the native monitor uses, or events and an upcall. Interrupts and exceptions have a stack each, so
 * that even a broken interrupt handler is reported.
 */
#include "arch/arch.h"
#include "bare.h"
#include "cpu.h"
#include "pvabi/fault.h"

#define SELECTOR_CODE 8u
#define SELECTOR_TSS 24u
#define IST_INTERRUPT 1u
#define IST_EXCEPTION 2u
#define GATE_INTERRUPT 0x8eu /* present, 64-bit interrupt gate: entered with IF clear */
#define STUB_BYTES 16u
#define STACK_BYTES 8192u

#define VECTOR_INVALID_OPCODE 6u
#define FLAG_DIRECTION 0x400ull

/* What vectors.S and the CPU push, from the lowest address (arch/frame.h). */
struct bare_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

struct bare_gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};

struct bare_tss {
    uint32_t reserved0;
    uint32_t rsp[6];
    uint32_t reserved1[2];
    uint32_t ist[14]; /* pairs; 64-bit addresses are not aligned here */
    uint32_t reserved2[2];
    uint16_t reserved3, io_map;
};
_Static_assert(sizeof(struct bare_tss) == 104, "TSS");
_Static_assert(BARE_VECTORS == 64 && STUB_BYTES == 16, "vectors.S");

struct __attribute__((packed)) bare_table_pointer {
    uint16_t limit;
    uint64_t base;
};

extern const char bare_vectors[];
void bare_trap(struct bare_frame *frame);

static uint64_t bare_gdt[5];
static struct bare_gate bare_idt[BARE_VECTORS] __attribute__((aligned(16)));
static struct bare_tss bare_tss;
static char bare_interrupt_stack[STACK_BYTES] __attribute__((aligned(16)));
static char bare_exception_stack[STACK_BYTES] __attribute__((aligned(16)));

static EARLY void bare_ist_set(unsigned ist, const char *top)
{
    bare_tss.ist[2 * (ist - 1)] = (uint32_t)(uintptr_t)top;
    bare_tss.ist[2 * (ist - 1) + 1] = (uint32_t)((uintptr_t)top >> 32);
}

EARLY void bare_traps_start(void)
{
    struct bare_table_pointer gdt = {sizeof(bare_gdt) - 1, (uintptr_t)bare_gdt};
    struct bare_table_pointer idt = {sizeof(bare_idt) - 1, (uintptr_t)bare_idt};
    uintptr_t tss = (uintptr_t)&bare_tss;

    bare_ist_set(IST_INTERRUPT, bare_interrupt_stack + STACK_BYTES);
    bare_ist_set(IST_EXCEPTION, bare_exception_stack + STACK_BYTES);
    bare_tss.io_map = sizeof(bare_tss);
    bare_gdt[1] = 0x00af9b000000ffffull;
    bare_gdt[2] = 0x00cf93000000ffffull;
    bare_gdt[3] = (sizeof(bare_tss) - 1) | (tss & 0xffffffu) << 16 | 0x89ull << 40 |
                  (tss >> 24 & 0xffu) << 56;
    bare_gdt[4] = tss >> 32;
    for (unsigned i = 0; i < BARE_VECTORS; i++) {
        uintptr_t stub = (uintptr_t)bare_vectors + i * STUB_BYTES;

        bare_idt[i] = (struct bare_gate){
            .offset_low = (uint16_t)stub,
            .selector = SELECTOR_CODE,
            .ist = i < BARE_VECTOR_FIRST ? IST_EXCEPTION : IST_INTERRUPT,
            .type = GATE_INTERRUPT,
            .offset_middle = (uint16_t)(stub >> 16),
            .offset_high = (uint32_t)(stub >> 32),
        };
    }
    __asm__ volatile("lgdt %0; ltr %w1; lidt %2"
                     :
                     : "m"(gdt), "r"(SELECTOR_TSS), "m"(idt)
                     : "memory");
}

void bare_triple_fault(void)
{
    struct bare_table_pointer none = {0, 0};

    __asm__ volatile("lidt %0; ud2" : : "m"(none) : "memory");
    __builtin_unreachable();
}

/* ---- crash reports ------------------------------------------------------------------------- */

static void bare_say_register(const char *name, uint64_t value)
{
    bare_say(name);
    bare_say_hex(value, 16);
}

static void bare_say_registers(const struct bare_frame *f)
{
    static const struct {
        const char *name;
        uint8_t offset;
    } bare_registers[] = {
#define REGISTER(text, field) {text, offsetof(struct bare_frame, field)}
        REGISTER("  rax ", rax),   REGISTER("  rbx ", rbx),   REGISTER("  rcx ", rcx),
        REGISTER("  rdx ", rdx),   REGISTER("\n  rsi ", rsi), REGISTER("  rdi ", rdi),
        REGISTER("  rbp ", rbp),   REGISTER("  rsp ", rsp),   REGISTER("\n  r8  ", r8),
        REGISTER("  r9  ", r9),    REGISTER("  r10 ", r10),   REGISTER("  r11 ", r11),
        REGISTER("\n  r12 ", r12), REGISTER("  r13 ", r13),   REGISTER("  r14 ", r14),
        REGISTER("  r15 ", r15),   REGISTER("\n  rip ", rip),
#undef REGISTER
    };

    for (unsigned i = 0; i < sizeof(bare_registers) / sizeof(bare_registers[0]); i++)
        bare_say_register(bare_registers[i].name,
                          *(const uint64_t *)((const char *)f + bare_registers[i].offset));
    bare_say("  rflags ");
    bare_say_hex(f->rflags, 8);
    bare_say("\n");
}

static unsigned bare_page_look(const void *context, uint64_t address)
{
    unsigned mapped = bare_mapped(address);

    (void)context;
    return (mapped & BARE_MAP_PRESENT ? PV_PAGE_PRESENT : 0) |
           (mapped & BARE_MAP_WRITE ? PV_PAGE_WRITE : 0) |
           (mapped & BARE_MAP_EXECUTE ? PV_PAGE_EXECUTE : 0) |
           (bare_in_ram(address) ? PV_PAGE_RAM : 0);
}

static void bare_describe_page_fault(const struct bare_frame *f)
{
    uint64_t address = bare_cr2();
    bool overflow = pv_fault_is_stack_overflow(address, f->error, f->rsp, bare_page_look, NULL);

    bare_say(overflow ? "stack overflow: " : "page fault: ");
    bare_say(pv_fault_access(f->error));
    bare_say(" 0x");
    bare_say_hex(address, 1);
    if (overflow)
        return;
    bare_say(" (");
    bare_say(pv_fault_why(address, f->error, bare_page_look(NULL, address)));
    bare_say(")");
}

static void bare_describe(const struct bare_frame *f)
{
    if (f->vector == PV_FAULT_PAGE) {
        bare_describe_page_fault(f);
    } else if (f->vector == PV_FAULT_GENERAL_PROTECTION && f->error & PV_FAULT_IS_INTERRUPT) {
        bare_say(PV_FAULT_INTERRUPT_TEXT);
        bare_say_hex(f->error >> 3, 1);
    } else if (f->vector == PV_FAULT_GENERAL_PROTECTION) {
        bare_say(PV_FAULT_PROTECTION_TEXT);
    } else {
        bare_say(pv_fault_name((unsigned)f->vector));
        bare_say(" (exception ");
        bare_say_decimal((unsigned)f->vector);
        bare_say(")");
    }
}

static __attribute__((noreturn)) void bare_report(const struct bare_frame *f)
{
    static bool bare_reporting;

    if (bare_reporting) /* the report itself went wrong */
        bare_exit(BARE_CRASH_STATUS);
    bare_reporting = true;
    bare_say("crash: ");
    bare_describe(f);
    bare_say("\n");
    bare_say_registers(f);
    bare_say("backtrace:\n  at 0x");
    bare_say_hex(f->rip, 1);
    bare_say("\n");
    /* After a jump to nowhere the return address on top of the stack is the only trace. */
    if (!(bare_mapped(f->rip) & BARE_MAP_EXECUTE) && f->rsp % 8 == 0 && bare_mapped(f->rsp)) {
        uint64_t address = *(const uint64_t *)f->rsp;

        if (bare_mapped(address) & BARE_MAP_EXECUTE) {
            bare_say("  by 0x");
            bare_say_hex(address, 1);
            bare_say("\n");
        }
    }
    bare_say_callers((const void *)f->rbp);
    bare_exit(BARE_CRASH_STATUS);
}

/* ---- what a CPU without FSGSBASE lacks ------------------------------------------------------ */

/* Carries WRFSBASE out, by which arch sets the thread pointer: f3 REX 0f ae /2, a register. */
static bool bare_emulate(struct bare_frame *f)
{
    const uint8_t *code = (const uint8_t *)f->rip;
    /* By the register's number; RSP is none that a compiler would take. */
    uint64_t *const registers[16] = {&f->rax, &f->rcx, &f->rdx, &f->rbx, NULL,    &f->rbp,
                                     &f->rsi, &f->rdi, &f->r8,  &f->r9,  &f->r10, &f->r11,
                                     &f->r12, &f->r13, &f->r14, &f->r15};
    const uint64_t *source;

    if (!(bare_mapped(f->rip) & BARE_MAP_EXECUTE) ||
        !(bare_mapped(f->rip + 4) & BARE_MAP_EXECUTE) || code[0] != 0xf3 ||
        (code[1] & 0xfe) != 0x48 || code[2] != 0x0f || code[3] != 0xae || (code[4] & 0xf8) != 0xd0)
        return false;
    source = registers[(code[4] & 7) | (code[1] & 1) << 3];
    if (source == NULL)
        return false;
    bare_wrmsr(BARE_MSR_FS_BASE, *source);
    f->rip += 5;
    return true;
}

/* ---- entered from vectors.S ----------------------------------------------------------------- */

/* The kernel is entered on the interrupted stack as the native monitor enters it (pvabi/native.h):
 * `pending` was set after its event bits; a masked vCPU looks by itself when it unmasks. */
static void bare_upcall_enter(struct bare_frame *f)
{
    struct pvn_vcpu *vcpu = &bare_vcpu;

    if (vcpu->upcall_entry == 0 || !vcpu->upcall_pending || vcpu->upcall_mask != 0)
        return;
    if (f->rip >= vcpu->restart_begin && f->rip < vcpu->restart_end) {
        f->rsp = vcpu->restart_sp;
        f->rip = vcpu->restart_entry;
    } else {
        struct pvn_upcall_frame *frame;

        f->rsp -= PVN_RED_ZONE + sizeof(*frame);
        frame = (struct pvn_upcall_frame *)f->rsp;
        frame->rflags = f->rflags;
        frame->rip = f->rip;
        f->rip = vcpu->upcall_entry;
    }
    f->rflags &= ~FLAG_DIRECTION;
    vcpu->upcall_mask = 1;
}

void bare_trap(struct bare_frame *frame)
{
    if (frame->vector >= BARE_VECTOR_FIRST) {
        bare_interrupt((unsigned)frame->vector);
        bare_upcall_enter(frame);
        return;
    }
    if (frame->vector == VECTOR_INVALID_OPCODE && bare_emulate(frame))
        return;
    bare_report(frame);
}
