/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The native upcall code, one instruction at a time. It runs in ring 3 like everything else, so
 * this process can play the guest and its own SIGTRAP handler, called after each instruction, the
 * monitor: it raises events and enters upcalls as pvabi/native.h says, at every instruction there
 * is.
 */
/* sources: arch/x86_64/upcall.S tests/guest/pattern.S */
/* cflags: -mno-red-zone -DPATTERN_RED_ZONE=0x5aa55aa55aa55aa5ull */
#include <cpuid.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <cmocka.h>

#include "arch/arch.h"
#include "arch/bootrec.h"
#include "pvabi/native.h"
#include "pvabi/native/platform.h"
#include "tests/guest/pattern.h"

#define TRAP_FLAG 0x100ull
#define DIRECTION_FLAG 0x400ull
#define RAISES_MAX 3u
#define STEPS_MAX 4096u

/* What upcall.S refers to. */
struct arch_cpu_info arch_cpu_info;
struct pv_upcall *pv_upcall;
struct pv_counters pv_counters;

static struct pvn_vcpu vcpu;
static struct {
    unsigned raise_at[RAISES_MAX]; /* steps; 0: never */
    bool eager; /* enters an upcall whenever it may; otherwise only for a raise while unmasked */
    unsigned step, entered, restarted, called;
    bool in_range[STEPS_MAX]; /* was the step's next instruction in the restartable range? */
    const char *wrong;
} monitor;

static bool rip_in_range(uint64_t rip)
{
    return rip >= (uintptr_t)arch_upcall_restart_begin && rip < (uintptr_t)arch_upcall_restart_end;
}

/* What the monitor does to a vCPU that it has stopped. */
static void enter_upcall(greg_t *registers)
{
    uint64_t rip = (uint64_t)registers[REG_RIP];

    if (rip_in_range(rip)) {
        registers[REG_RSP] = (greg_t)vcpu.restart_sp;
        registers[REG_RIP] = (greg_t)(uintptr_t)arch_upcall_restart;
        monitor.restarted++;
    } else {
        uint64_t sp = (uint64_t)registers[REG_RSP] - PVN_RED_ZONE - sizeof(struct pvn_upcall_frame);

        *(struct pvn_upcall_frame *)sp = (struct pvn_upcall_frame){
            .rflags = (uint64_t)registers[REG_EFL], .rip = rip};
        registers[REG_RSP] = (greg_t)sp;
        registers[REG_RIP] = (greg_t)(uintptr_t)arch_upcall;
    }
    registers[REG_EFL] &= ~(greg_t)DIRECTION_FLAG;
    vcpu.upcall_mask = 1;
    monitor.entered++;
}

__attribute__((no_sanitize("address", "undefined"))) static void on_step(int signal,
                                                                         siginfo_t *info,
                                                                         void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    bool kick = false;

    (void)signal, (void)info;
    monitor.step++;
    if (monitor.step >= STEPS_MAX) {
        monitor.wrong = "does not come to an end";
        registers[REG_EFL] &= ~(greg_t)TRAP_FLAG;
        return;
    }
    monitor.in_range[monitor.step] = rip_in_range((uint64_t)registers[REG_RIP]);
    for (unsigned i = 0; i < RAISES_MAX; i++)
        if (monitor.raise_at[i] == monitor.step) {
            vcpu.upcall_pending = 1;
            kick = !vcpu.upcall_mask;
        }
    if (vcpu.upcall_pending && !vcpu.upcall_mask && (kick || monitor.eager))
        enter_upcall(registers);
    if ((uint64_t)registers[REG_RIP] == (uintptr_t)kernel_upcall)
        registers[REG_EFL] &= ~(greg_t)TRAP_FLAG; /* which sets it again when it is done */
}

/* The kernel, as rude as a C function may be: only callee-saved registers are kept. */
void kernel_upcall(void)
{
    uint8_t garbage[700];
    uint16_t environment[14], fcw;
    uint32_t mxcsr;
    uint64_t flags;

    monitor.called++;
    __asm__ volatile("fnstenv %0" : "=m"(environment));
    __asm__ volatile("fnstcw %0; stmxcsr %1; pushfq; popq %2"
                     : "=m"(fcw), "=m"(mxcsr), "=r"(flags));
    if (environment[4] != 0xffff || fcw != 0x037f || mxcsr != 0x1f80)
        monitor.wrong = "the kernel is entered with a used FPU";
    if (flags & DIRECTION_FLAG)
        monitor.wrong = "the kernel is entered with the direction flag set";
    if (!vcpu.upcall_mask)
        monitor.wrong = "the kernel is entered unmasked";
    if (((uintptr_t)__builtin_frame_address(0) & 15u) != 0)
        monitor.wrong = "the kernel is entered on a misaligned stack";
    memset(garbage, 0xee, sizeof(garbage));
    __asm__ volatile("" : : "r"(garbage) : "memory");
    vcpu.upcall_pending = 0;
    __asm__ volatile("movl $0x7f80, -4(%%rsp); ldmxcsr -4(%%rsp); fldpi; fldpi; fninit; fldpi;"
                     "pcmpeqd %%xmm0, %%xmm0; pcmpeqd %%xmm1, %%xmm1; pcmpeqd %%xmm7, %%xmm7;"
                     "pcmpeqd %%xmm8, %%xmm8; pcmpeqd %%xmm15, %%xmm15;"
                     "movq $-1, %%rax; movq %%rax, %%rcx; movq %%rax, %%rdx; movq %%rax, %%rsi;"
                     "movq %%rax, %%rdi; movq %%rax, %%r8; movq %%rax, %%r9; movq %%rax, %%r10;"
                     "movq %%rax, %%r11"
                     :
                     :
                     : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "xmm0", "xmm1",
                       "xmm7", "xmm8", "xmm15", "memory", "cc");
    if (monitor.step < STEPS_MAX)
        __asm__ volatile("pushfq; orq %0, (%%rsp); popfq" : : "i"(TRAP_FLAG) : "memory", "cc");
}

/* One run of the pattern with the events as set; returns what is wrong, or NULL. */
static const char *run(unsigned first, unsigned second, unsigned third)
{
    static struct pattern in, quiet, out;
    bool eager = monitor.eager;
    const char *damage;

    pattern_fill(&in, first * 1000003u + second * 1009u + third + 1u);
    pattern_run(&in, &quiet, 3, 0);
    memset(&monitor, 0, sizeof(monitor));
    memset(&vcpu, 0, sizeof(vcpu));
    monitor.eager = eager;
    monitor.raise_at[0] = first;
    monitor.raise_at[1] = second;
    monitor.raise_at[2] = third;
    pattern_run(&in, &out, 3, TRAP_FLAG);
    damage = pattern_damage(&in, &out, &quiet);
    if (monitor.wrong)
        return monitor.wrong;
    if (damage)
        return damage;
    if (vcpu.upcall_pending || (first && !monitor.called))
        return "an event is lost";
    return vcpu.upcall_mask ? "upcalls stay masked" : NULL;
}

static void expect_right(unsigned first, unsigned second, unsigned third)
{
    const char *wrong = run(first, second, third);

    if (wrong)
        fail_msg("%s (steps %u %u %u, %s)", wrong, first, second, third,
                 monitor.eager ? "eager" : "lazy");
}

static void cpu_choose(bool xsave)
{
    unsigned a, b, c, d, low, high;

    memset(&arch_cpu_info, 0, sizeof(arch_cpu_info));
    if (!xsave || !__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
        return;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    __cpuid_count(0xd, 0, a, b, c, d);
    arch_cpu_info.xcr0 = (uint64_t)high << 32 | low;
    arch_cpu_info.xsave_bytes = b;
}

/* An event at each instruction; then a second one at each later instruction; then, with the second
 * one in the restartable range, a third here and there. */
static void run_everywhere(void)
{
    unsigned steps, middle, steps_with_one, steps_with_two;

    expect_right(0, 0, 0);
    steps = monitor.step;
    assert_int_equal(monitor.entered, 0);
    middle = steps / 2u;
    for (unsigned i = 1; i < steps; i++) {
        expect_right(i, 0, 0);
        assert_int_equal(monitor.entered, 1);
    }
    expect_right(middle, 0, 0);
    steps_with_one = monitor.step;
    for (unsigned i = middle + 1u; i < steps_with_one; i++) {
        bool restarted;

        expect_right(middle, i, 0);
        restarted = monitor.restarted > 0;
        steps_with_two = monitor.step;
        if (restarted && monitor.eager)
            for (unsigned j = i + 1u + i % 8u; j < steps_with_two; j += 8u)
                expect_right(middle, i, j);
    }
}

static unsigned restarts_seen(void)
{
    unsigned steps, middle, restarts = 0;

    expect_right(0, 0, 0);
    middle = monitor.step / 2u;
    expect_right(middle, 0, 0);
    steps = monitor.step;
    for (unsigned i = middle + 1u; i < steps; i++) {
        expect_right(middle, i, 0);
        restarts += monitor.restarted;
    }
    return restarts;
}

static void test_xsave(void **state)
{
    (void)state;
    cpu_choose(true);
    for (unsigned eager = 0; eager < 2; eager++) {
        monitor.eager = eager != 0;
        run_everywhere();
    }
}

static void test_fxsave(void **state)
{
    (void)state;
    cpu_choose(false);
    monitor.eager = false;
    run_everywhere();
}

/* The range is met: from the instruction after the unmasking to the return. */
static void test_range(void **state)
{
    (void)state;
    cpu_choose(true);
    monitor.eager = false;
    assert_in_range(restarts_seen(), 15, 40);
}

static int handler_set(void **state)
{
    static uint8_t stack[1 << 16];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    (void)state;
    pv_upcall = (struct pv_upcall *)(void *)&vcpu;
    if (sigaltstack(&alternate, NULL) != 0)
        return -1;
    return sigaction(SIGTRAP, &action, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xsave),
        cmocka_unit_test(test_fxsave),
        cmocka_unit_test(test_range),
    };

    return cmocka_run_group_tests(tests, handler_set, NULL);
}
