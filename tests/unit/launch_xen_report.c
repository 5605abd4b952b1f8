/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: monitor/launch_xen_report.c monitor/words.c */
/* A domain's end as Xen's log tells it. */
#include "launch_xen_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* As Xen 4.17 prints it, other lines around. */
#define WALK(address)                                        \
    "(XEN) Pagetable walk from " address ":\n"               \
    "(XEN)  L1[0x135] = 0000000000000000 ffffffffffffffff\n" \
    "(XEN) domain_crash_sync called from entry.S: fault at ffff82d04037b3e0\n"
#define CRASH(id, rip, rsp)                                               \
    "(XEN) Domain " id " (vcpu#0) crashed on cpu#0:\n"                    \
    "(XEN) ----[ Xen-4.17.5  x86_64  debug=n  Not tainted ]----\n"        \
    "(XEN) CPU:    0\n"                                                   \
    "(XEN) RIP:    e033:[<" rip ">]\n"                                    \
    "(XEN) RFLAGS: 0000000000000246   EM: 1   CONTEXT: pv guest (d1v0)\n" \
    "(XEN) rbp: 00000000001360d0   rsp: " rsp "   r8:  0000000000000000\n"

static const char *report(const char *dmesg, unsigned id)
{
    static struct text text;

    text_free(&text);
    text = (struct text){0};
    launch_xen_report(dmesg, id, &text);
    return text.length ? text.bytes : "";
}

static void test_stack_overflow(void **state)
{
    (void)state;
    assert_string_equal(
        report(CRASH("1", "0000000000100000", "0000000000200000") WALK("0000000000135eb8")
                   CRASH("1", "00000000001055ea", "0000000000135ec0") "(XEN) more\n",
               1),
        "crash: stack overflow: write to 0x135eb8\n"
        "  rip 00000000001055ea  rsp 0000000000135ec0\n"
        "backtrace:\n  at 0x1055ea\n");
}

/* Only what stands before the crash and lies below the stack pointer counts. */
static void test_other_crash(void **state)
{
    static const char wanted[] = "crash: Xen ended the guest (xl dmesg tells more)\n"
                                 "  rip 00000000001055ea  rsp 0000000000135ec0\n"
                                 "backtrace:\n  at 0x1055ea\n";

    (void)state;
    assert_string_equal(report(CRASH("7", "00000000001055ea", "0000000000135ec0"), 7), wanted);
    assert_string_equal(
        report(WALK("0000000000135ec8") CRASH("7", "00000000001055ea", "0000000000135ec0"), 7),
        wanted);
    assert_string_equal(
        report(CRASH("7", "00000000001055ea", "0000000000135ec0") WALK("0000000000135eb8"), 7),
        wanted);
}

static void test_nothing_found(void **state)
{
    (void)state;
    assert_string_equal(report("", 1), "");
    assert_string_equal(report(CRASH("17", "00000000001055ea", "0000000000135ec0"), 7), "");
    assert_string_equal(report("(XEN) Domain 7 (vcpu#0) crashed on cpu#0:\n", 7), "");
    assert_string_equal(report("(XEN) Domain 7 (vcpu#0) crashed on cpu#0:\nRIP:    e033:[<", 7),
                        "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stack_overflow),
        cmocka_unit_test(test_other_crash),
        cmocka_unit_test(test_nothing_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
