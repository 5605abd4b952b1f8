/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the beds of the frontends' tests share (xen_blk_bed.h, xen_net_bed.h), on the machine of
 * xen_backend.h: a device on a new machine, its memory, and what must hold at its end. Relies on
 * cmocka.
 */
#ifndef TESTS_XEN_FRONTEND_BED_H
#define TESTS_XEN_FRONTEND_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pvabi/errno.h"
#include "pvabi/xen/grant.h"
#include "pvabi/xen/xenbus.h"
#include "tests/unit/support/xen_backend.h"

/* A new machine's only device. */
static inline const struct pv_device *xen_bed_device(void (*create)(void))
{
    unsigned count;

    xen_machine_start();
    xen_grant_counters = (struct xen_grant_counters){0};
    create();
    return xenbus_devices(&count);
}

/* For an attach; the caller frees it. */
static inline void *xen_bed_memory(size_t bytes)
{
    void *memory = NULL;

    assert_int_equal(posix_memalign(&memory, XEN_PAGE_BYTES, bytes), 0);
    return memset(memory, 0, bytes);
}

/* Out of service for this reason: no grant is left but what the backend holds, and no channel. */
static inline void xen_bed_expect_ended(const char *fault, const char *words)
{
    assert_non_null(fault);
    assert_non_null(strstr(fault, words));
    assert_int_equal(xen_grant_counters.in_use, 0);
    for (unsigned i = 2; i < 64; i++)
        assert_false(xen_machine.channels[i].open);
    assert_int_equal(xen_machine.masked, 0);
}

/* XSA-403: what is granted are whole pages of the frontend's own memory, clean from `clean` on before
 * their first use; neither its state nor a byte of the kernel's lies in one. */
static inline void xen_bed_expect_own_pages(const void *memory, size_t bytes, unsigned clean)
{
    const uint8_t *first = memory;
    unsigned pages = 0;

    for (uint32_t ref = 0; ref < 16u * 512u; ref++) {
        const uint8_t *page = xen_granted(ref, false);

        if (page == NULL)
            continue;
        pages++;
        assert_true(page > first && (uintptr_t)page % XEN_PAGE_BYTES == 0);
        assert_true(page + XEN_PAGE_BYTES <= first + bytes);
        for (unsigned i = clean; i < XEN_PAGE_BYTES; i++)
            assert_int_equal(page[i], 0);
    }
    assert_int_equal(pages, xen_grant_counters.in_use);
}

/* ---- the beds' own, of which there is one in a test ---------------------------------------- */

/* Attaches; what the frontend says to that. */
int bed_attach(void);
/* The backend's side: what it finds in xenstore. */
void back_connect(void);
int bed_set_up(void **state);
int bed_tear_down(void **state);
/* Everything fails, one reason stays, nothing of ours is granted any more but what is held. */
void bed_expect_fault(const char *words);

/* A new machine, in the middle of a test. */
static inline void bed_again(void)
{
    bed_tear_down(NULL);
    bed_set_up(NULL);
}

/* A device that is in service. */
static inline void bed_open(void)
{
    assert_int_equal(bed_attach(), 0);
    back_connect();
    memset(xen_machine.raised, 0, sizeof(xen_machine.raised));
}

/* ---- tests of any frontend ---------------------------------------------------------------- */

static inline void test_never_connects(void **state)
{
    (void)state;
    xen_machine.backend_passive = true;
    assert_int_equal(bed_attach(), -EIO);
    bed_expect_fault("does not connect");
}

static inline void test_no_channels(void **state)
{
    (void)state;
    xen_machine.no_channels = true;
    assert_int_equal(bed_attach(), -EIO);
    bed_expect_fault("event channel");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_set_up, bed_tear_down)

#endif
