/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptor tables, and what exceptions and interrupts become: a crash report with the words that
 * the native monitor uses, or events and an upcall. Interrupts and exceptions have a stack each, so
 * that even a broken interrupt handler is reported.
 */
#include "arch/arch.h"
#include "bare.h"
#include "cpu.h"

#define SELECTOR_CODE 8u
#define SELECTOR_TSS 24u
#define IST_INTERRUPT 1u
#define IST_EXCEPTION 2u
#define GATE_INTERRUPT 0x8eu /* present, 64-bit interrupt gate: entered with IF clear */
#define STUB_BYTES 16u
#define STACK_BYTES 8192u

#define FLAG_DIRECTION 0x400ull

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
void bare_trap(struct pv_trap_frame *frame);

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

/* ---- entered from vectors.S ----------------------------------------------------------------- */

/* The kernel is entered on the interrupted stack as the native monitor enters it (pvabi/native.h):
 * `pending` was set after its event bits; a masked vCPU looks by itself when it unmasks. */
static void bare_upcall_enter(struct pv_trap_frame *f)
{
    /* Ours or another hypervisor's: pending, mask and restart_sp are at the same places. */
    const struct pvn_vcpu *vcpu = (const struct pvn_vcpu *)(void *)pv_upcall;

    if (!bare_upcalls_on || !pv_upcall->pending || pv_upcall->mask != 0)
        return;
    if (f->rip >= (uintptr_t)arch_upcall_restart_begin &&
        f->rip < (uintptr_t)arch_upcall_restart_end) {
        f->rsp = vcpu->restart_sp;
        f->rip = (uintptr_t)arch_upcall_restart;
    } else {
        struct pvn_upcall_frame *frame;

        f->rsp -= PVN_RED_ZONE + sizeof(*frame);
        frame = (struct pvn_upcall_frame *)f->rsp;
        frame->rflags = f->rflags;
        frame->rip = f->rip;
        f->rip = (uintptr_t)arch_upcall;
    }
    f->rflags &= ~FLAG_DIRECTION;
    pv_upcall->mask = 1;
}

void bare_trap(struct pv_trap_frame *frame)
{
    if (frame->vector >= BARE_VECTOR_FIRST) {
        bare_interrupt((unsigned)frame->vector);
        bare_upcall_enter(frame);
        return;
    }
    pv_report_trap(frame, bare_cr2());
    pv_machine->end();
}
