/* SPDX-License-Identifier: BSD-2-Clause */
/* Xen's grant table from the guest's side, against a hypervisor that the test plays. */
/* sources: pvabi/xen/grant.c pvabi/xen/xenbus.c pvabi/xen/xenstore.c */
/* sources: tests/unit/support/xen_backend.c */
/* sources: tests/unit/support/xen_backend_store.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <xen/grant_table.h>

#include "pvabi/errno.h"
#include "pvabi/xen/grant.h"
#include "tests/unit/support/xen_backend.h"

#define PAGES 600u /* more than one frame of the table holds */

static uint8_t *memory;
static uint32_t refs[PAGES];

static struct xen_pages pages_of(unsigned count, bool read_only)
{
    return (struct xen_pages){memory, refs, count, read_only};
}

static int set_up(void **state)
{
    (void)state;
    xen_machine_start();
    memset(refs, 0, sizeof(refs));
    xen_grant_counters = (struct xen_grant_counters){0};
    return posix_memalign((void **)&memory, XEN_PAGE_BYTES, PAGES * XEN_PAGE_BYTES);
}

static int tear_down(void **state)
{
    (void)state;
    free(memory);
    xen_machine_stop();
    return 0;
}

static void test_grant_and_end(void **state)
{
    struct xen_pages pages = pages_of(PAGES, false);

    (void)state;
    assert_int_equal(xen_pages_grant(&pages, 3), 0);
    assert_int_equal(xen_grant_counters.in_use, PAGES);
    assert_int_equal(xen_machine.grant_frames, 2); /* mapped as they are needed */
    for (unsigned i = 0; i < PAGES; i++) {
        assert_true(refs[i] >= GNTTAB_NR_RESERVED_ENTRIES); /* the tool stack's are left alone */
        assert_ptr_equal(xen_granted(refs[i], true), memory + i * XEN_PAGE_BYTES);
        for (unsigned j = 0; j < i; j += 97)
            assert_int_not_equal(refs[i], refs[j]);
    }
    uint32_t first = refs[0];
    assert_int_equal(xen_pages_end(&pages), 0);
    assert_int_equal(xen_grant_counters.in_use, 0);
    assert_null(xen_granted(first, false));
    assert_int_equal(refs[0], 0);
    assert_int_equal(xen_pages_end(&pages), 0); /* nothing is left to end */
    assert_int_equal(xen_grant_counters.in_use, 0);
}

static void test_read_only(void **state)
{
    struct xen_pages pages = pages_of(1, true);

    (void)state;
    assert_int_equal(xen_pages_grant(&pages, 0), 0);
    assert_ptr_equal(xen_granted(refs[0], false), memory);
    assert_null(xen_granted(refs[0], true));
    assert_int_equal(xen_pages_end(&pages), 0);
}

/* XSA-396, Mirage advisory 02: a page that the other side has not let go of is not ours again,
 * whatever it said; the reference is never given to another page. */
static void test_held_is_leaked(void **state)
{
    struct xen_pages pages = pages_of(3, false);
    uint32_t held, free_again[2];

    (void)state;
    for (unsigned read_only = 0; read_only < 2; read_only++) {
        pages.read_only = read_only;
        xen_grant_counters.leaked = 0;
        assert_int_equal(xen_pages_grant(&pages, 0), 0);
        held = refs[1];
        free_again[0] = refs[0];
        free_again[1] = refs[2];
        xen_hold(held);
        assert_int_equal(xen_pages_end(&pages), 1);
        assert_int_equal(xen_grant_counters.leaked, 1);
        assert_int_equal(xen_grant_counters.in_use, 0);
        assert_ptr_equal(xen_granted(held, false), memory + XEN_PAGE_BYTES);
        assert_null(xen_granted(free_again[0], false));
        xen_release(held); /* too late */
        assert_int_equal(xen_pages_grant(&pages, 0), 0);
        for (unsigned i = 0; i < 3; i++)
            assert_int_not_equal(refs[i], held);
        assert_int_equal(refs[0], free_again[0]);
        assert_int_equal(refs[1], free_again[1]);
        assert_int_equal(xen_pages_end(&pages), 0);
    }
}

/* Of what a backend has kept one line tells, at the domain's end. */
static void test_leak_is_reported(void **state)
{
    struct xen_pages pages = pages_of(PAGES, false);

    (void)state;
    assert_int_equal(xen_pages_grant(&pages, 0), 0);
    xen_grants_report();
    assert_int_equal(xen_machine.said, 0);
    xen_hold(refs[0]);
    xen_hold(refs[1]);
    assert_int_equal(xen_pages_end(&pages), 2);
    xen_grants_report();
    assert_int_equal(xen_machine.said, 1);
    assert_non_null(strstr(xen_machine.words, "kept"));
}

static void test_none_left(void **state)
{
    struct xen_pages pages = pages_of(PAGES, false);
    struct xen_pages last;
    uint32_t *all = calloc(16, sizeof(refs));
    unsigned i = 0;

    (void)state;
    for (;; i++) {
        last = (struct xen_pages){memory, all + i * PAGES, PAGES, false};
        if (xen_pages_grant(&last, 0) < 0)
            break;
        assert_true(i < 15);
    }
    for (unsigned j = 0; j < PAGES; j++) /* all or none */
        assert_int_equal(all[i * PAGES + j], 0);
    assert_int_equal(xen_grant_counters.in_use, i * PAGES);
    while (i-- > 0) {
        last.refs = all + i * PAGES;
        assert_int_equal(xen_pages_end(&last), 0);
    }
    assert_int_equal(xen_pages_grant(&pages, 0), 0);
    free(all);
}

static void test_restored(void **state)
{
    struct xen_pages pages = pages_of(PAGES, false);
    uint32_t before;

    (void)state;
    assert_int_equal(xen_pages_grant(&pages, 0), 0);
    before = refs[0];
    xen_grants_forget();
    assert_int_equal(xen_grant_counters.in_use, 0);
    assert_int_equal(xen_pages_grant(&pages, 0), 0);
    assert_int_equal(refs[0], before);
}

static void test_no_table(void **state)
{
    struct xen_pages pages = pages_of(PAGES, false);

    (void)state;
    xen_machine.no_grant_frames = true;
    xen_grants_forget();
    assert_int_equal(xen_pages_grant(&pages, 0), -ENOMEM);
    assert_int_equal(xen_grant_counters.in_use, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_grant_and_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_held_is_leaked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_leak_is_reported, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_none_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_restored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_table, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
