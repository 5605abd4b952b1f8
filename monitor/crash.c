/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Crash reports: what happened, where, registers, backtrace. Everything read from the guest here is
 * suspect: addresses are checked, chains are bounded, text is made printable. Written to standard
 * error with plain writes; allocates nothing.
 */
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "pvabi/fault.h"
#include "say.h"
#include "stubs.h"
#include "symbols.h"
#include "vm.h"

#define BACKTRACE_MAX 32u
#define SYSCALL_BYTES 2u
/* The interrupted state: the general registers with RIP, RSP and RFLAGS of the guest. */
struct state {
    struct kvm_regs registers;
    bool syscall; /* it is a SYSCALL that the host carried out */
    unsigned vector;
    uint64_t error;
    uint64_t address; /* CR2 */
};

static void format_place(const struct vm *vm, uint64_t address, uint64_t look_up, char *text,
                         size_t bytes)
{
    struct symbol symbol;

    if (tables_lookup(&vm->tables, look_up).executable &&
        symbols_find(vm->image.file, &vm->image.elf, look_up, &symbol))
        snprintf(text, bytes, "0x%" PRIx64 " %s+0x%" PRIx64, address, symbol.name,
                 symbol.offset + (address - look_up));
    else
        snprintf(text, bytes, "0x%" PRIx64, address);
}

static void print_registers(const struct kvm_regs *r)
{
    say_raw("  rax %016llx  rbx %016llx  rcx %016llx  rdx %016llx\n"
            "  rsi %016llx  rdi %016llx  rbp %016llx  rsp %016llx\n"
            "  r8  %016llx  r9  %016llx  r10 %016llx  r11 %016llx\n"
            "  r12 %016llx  r13 %016llx  r14 %016llx  r15 %016llx\n"
            "  rip %016llx  rflags %08llx\n",
            r->rax, r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp, r->rsp, r->r8, r->r9, r->r10,
            r->r11, r->r12, r->r13, r->r14, r->r15, r->rip, r->rflags);
}

/* Reads a word of RAM that the guest itself could read. */
static bool read_word(const struct vm *vm, uint64_t address, uint64_t *word)
{
    const void *host = memory_at(&vm->memory, (gpa_t){address}, sizeof *word, MEMORY_READ);

    if (address % sizeof *word != 0 || !host || !tables_lookup(&vm->tables, address).present)
        return false;
    memcpy(word, host, sizeof *word);
    return true;
}

static void print_return(const struct vm *vm, uint64_t address)
{
    char place[SYMBOL_NAME_MAX + 48];
    format_place(vm, address, address - 1, place, sizeof place);
    say_raw("  by %s\n", place);
}

/* Walks the frame pointers: each frame is [caller's frame, return address], further up the stack.
 */
static void print_callers(const struct vm *vm, uint64_t frame)
{
    uint64_t caller, address;

    for (unsigned i = 0; i < BACKTRACE_MAX; i++) {
        if (!read_word(vm, frame, &caller) || !read_word(vm, frame + 8, &address) || !address)
            return;
        print_return(vm, address);
        if (caller <= frame)
            return;
        frame = caller;
    }
    say_raw("  ...\n");
}

static void print_backtrace(const struct vm *vm, const struct kvm_regs *registers)
{
    char place[SYMBOL_NAME_MAX + 48];
    uint64_t address;

    say_raw("backtrace:\n");
    format_place(vm, registers->rip, registers->rip, place, sizeof place);
    say_raw("  at %s\n", place);
    /* After a jump to nowhere the return address on top of the stack is the only trace. */
    if (!tables_lookup(&vm->tables, registers->rip).executable &&
        read_word(vm, registers->rsp, &address) && tables_lookup(&vm->tables, address).executable)
        print_return(vm, address);
    print_callers(vm, registers->rbp);
}

static void report(struct vm *vm, const char *what, const struct kvm_regs *registers)
{
    say("%s: crash: %s", vm->image.path, what);
    print_registers(registers);
    print_backtrace(vm, registers);
    vm_end(vm, "crash", STATUS_CRASH);
}

static unsigned look_at_page(const void *context, uint64_t address)
{
    const struct vm *vm = context;
    struct page_rights rights = tables_lookup(&vm->tables, address);

    return (rights.present ? PV_PAGE_PRESENT : 0) | (rights.writable ? PV_PAGE_WRITE : 0) |
           (rights.executable ? PV_PAGE_EXECUTE : 0) |
           (rights.present && !rights.user ? PV_PAGE_SYSTEM : 0) |
           (address >= PVN_RAM_BASE && address < vm->layout.ram_end ? PV_PAGE_RAM : 0);
}

static void describe_page_fault(const struct vm *vm, const struct state *state, char *text,
                                size_t bytes)
{
    uint64_t address = state->address;
    const char *access = pv_fault_access(state->error);

    if (pv_fault_is_stack_overflow(address, state->error, state->registers.rsp, look_at_page, vm))
        snprintf(text, bytes, "stack overflow: %s 0x%" PRIx64, access, address);
    else
        snprintf(text, bytes, "page fault: %s 0x%" PRIx64 " (%s)", access, address,
                 pv_fault_why(address, state->error, look_at_page(vm, address)));
}

static void describe(const struct vm *vm, const struct state *state, char *text, size_t bytes)
{
    if (state->syscall)
        snprintf(text, bytes, "invalid opcode: SYSCALL");
    else if (state->vector == PV_FAULT_PAGE)
        describe_page_fault(vm, state, text, bytes);
    else if (state->vector == PV_FAULT_GENERAL_PROTECTION && state->error & PV_FAULT_IS_INTERRUPT)
        snprintf(text, bytes, PV_FAULT_INTERRUPT_TEXT "%" PRIx64, state->error >> 3);
    else if (state->vector == PV_FAULT_GENERAL_PROTECTION)
        snprintf(text, bytes, PV_FAULT_PROTECTION_TEXT);
    else
        snprintf(text, bytes, "%s (exception %u)", pv_fault_name(state->vector), state->vector);
}
_Static_assert(STUB_VECTORS == PV_FAULT_VECTORS, "stubs.h");

static bool has_error_code(unsigned vector)
{
    return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21;
}

/*
 * SYSCALL is switched off, but one KVM, for hosts without hardware support, carries it out all the
 * same: it goes to address 0 with the next instruction's address in RCX.
 */
static bool is_after_syscall(const struct vm *vm, uint64_t next)
{
    const uint8_t *host = memory_at(&vm->memory, (gpa_t){next - SYSCALL_BYTES}, SYSCALL_BYTES,
                                    MEMORY_READ);

    return host && tables_lookup(&vm->tables, next - SYSCALL_BYTES).executable && host[0] == 0x0f &&
           host[1] == 0x05;
}

/* The stub changed no register; the CPU pushed the rest on the trap stack. */
static bool read_state(struct vm *vm, struct state *state)
{
    const struct kvm_regs *registers = &vm->kvm.run->s.regs.regs;
    const struct layout *layout = &vm->layout;
    struct kvm_sregs special;
    uint64_t frame[6] = {0};

    if (registers->rip < layout->stubs ||
        registers->rip >= layout->stubs + STUB_VECTORS * STUB_BYTES ||
        registers->rsp < layout->system || registers->rsp + 48 > layout->system + PVN_PAGE_SIZE ||
        ioctl(vm->kvm.vcpu, KVM_GET_SREGS, &special))
        return false;
    state->vector = (unsigned)((registers->rip - layout->stubs) / STUB_BYTES);
    memcpy(frame, vm->memory.host + (registers->rsp - vm->memory.base),
           has_error_code(state->vector) ? 48 : 40);
    const uint64_t *pushed = frame + (has_error_code(state->vector) ? 1 : 0);
    state->error = has_error_code(state->vector) ? frame[0] : 0;
    state->address = special.cr2;
    state->registers = *registers;
    state->registers.rip = pushed[0];
    state->registers.rflags = pushed[2];
    state->registers.rsp = pushed[3];
    state->syscall = is_after_syscall(vm, registers->rcx) && pushed[0] == 0;
    if (state->syscall)
        state->registers.rip = registers->rcx - SYSCALL_BYTES;
    return true;
}

void crash_exception(struct vm *vm)
{
    struct state state;
    char text[160];

    if (!read_state(vm, &state)) {
        say("an exception stub reported from 0x%llx", vm->kvm.run->s.regs.regs.rip);
        vm_end(vm, "monitor", STATUS_MONITOR);
        return;
    }
    describe(vm, &state, text, sizeof text);
    report(vm, text, &state.registers);
}

void crash_rule(struct vm *vm, const char *format, ...)
{
    char text[200];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    report(vm, text, &vm->kvm.run->s.regs.regs);
}

void crash_words(struct vm *vm, const char *words, uint64_t words_bytes, uint64_t frame)
{
    const struct kvm_regs *registers = &vm->kvm.run->s.regs.regs;
    char line[200];

    /* Line by line: the guest could change the bytes meanwhile, so each is copied before use. */
    bool first = true;
    for (uint64_t at = 0; at < words_bytes || first;) {
        size_t length = 0;
        while (at < words_bytes && length < sizeof line - 1) {
            char byte = words[at++];
            if (byte == '\n')
                break;
            line[length++] = byte >= 0x20 && byte < 0x7f ? byte : '?';
        }
        line[length] = 0;
        if (first)
            say("%s: crash: %s", vm->image.path, length ? line : "the kernel gave up");
        else if (length)
            say_raw("  %s\n", line);
        first = false;
    }
    say_raw("backtrace:\n");
    print_callers(vm, frame ? frame : registers->rbp);
    vm_end(vm, "crash", STATUS_CRASH);
}
