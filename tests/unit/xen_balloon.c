/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages given to a Xen that the test plays and taken back, as PVH and as PV; what Xen refuses leaves
 * everything as it was, and what leaks is counted. */
/* sources: pvabi/xen/balloon.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "pvabi/errno.h"
#include "pvabi/xen/balloon.h"
#include "pvabi/xen/watchdog.h"
#include "pvabi/xen/xen.h"

#include <xen/memory.h>

#define PAGES 4u
#define RAM 0x10000000ul /* a PV guest's list of frames goes by address */
#define FIRST_PAGE (RAM / XEN_PAGE)
#define NO_FRAME UINT64_MAX

const struct xen_flavour *xen_flavour;

static uint64_t frames[FIRST_PAGE + PAGES];
static enum pv_rights rights[PAGES];
static struct {
    uint64_t pages; /* the domain's */
    uint64_t next_frame, last_frame;
    bool gives_none, takes_none, maps_none;
} machine;
static unsigned pats;

uint64_t xen_frame(const void *page)
{
    uint64_t number = (uintptr_t)page / XEN_PAGE;

    return xen_flavour->frames != NULL ? xen_flavour->frames[number] : number;
}

void xen_watchdog_pat(uint64_t *again_ns)
{
    (void)again_ns;
    pats++;
}

long xen_hypercall(unsigned long number, unsigned long a, unsigned long b, unsigned long c,
                   unsigned long d)
{
    struct xen_memory_reservation *reservation = (struct xen_memory_reservation *)b;

    (void)c, (void)d;
    assert_int_equal(number, __HYPERVISOR_memory_op);
    if (a == XENMEM_current_reservation)
        return (long)machine.pages;
    assert_int_equal(reservation->nr_extents, 1);
    machine.last_frame = *reservation->extent_start.p;
    if (a == XENMEM_decrease_reservation) {
        machine.pages -= !machine.takes_none;
        return !machine.takes_none;
    }
    assert_int_equal(a, XENMEM_populate_physmap);
    if (machine.gives_none)
        return 0;
    *reservation->extent_start.p = machine.next_frame++;
    machine.pages++;
    return 1;
}

static int protect(void *address, size_t bytes, enum pv_rights wanted)
{
    if (machine.maps_none && wanted != PV_NONE)
        return -EINVAL;
    assert_int_equal(bytes, XEN_PAGE);
    rights[((uintptr_t)address - RAM) / XEN_PAGE] = wanted;
    return 0;
}

static const struct pv_platform platform = {.name = "test", .protect = protect};
const struct pv_platform *pv = &platform;

static uint8_t *page_at(unsigned index)
{
    return (uint8_t *)RAM + index * XEN_PAGE;
}

static void start(const struct xen_flavour *flavour)
{
    memset(&machine, 0, sizeof(machine));
    machine.pages = 1000;
    machine.next_frame = 0x5000;
    xen_flavour = flavour;
    for (unsigned i = 0; i < PAGES; i++) {
        frames[FIRST_PAGE + i] = 0x4000 + i;
        rights[i] = PV_READ_WRITE;
    }
    xen_memory_restored(); /* what the last test has left */
    memset((void *)RAM, 0x5a, PAGES * XEN_PAGE);
}

static const struct xen_flavour pvh = {.frames = NULL}, paravirtual = {.frames = frames};

static void test_pvh(void **state)
{
    (void)state;
    start(&pvh);
    assert_int_equal(xen_memory_leaked(), 0);
    assert_int_equal(xen_memory_give(page_at(1)), 0);
    assert_int_equal(machine.last_frame, FIRST_PAGE + 1);
    assert_int_equal(page_at(1)[77], 0); /* nothing of ours goes with it */
    assert_int_equal(page_at(0)[XEN_PAGE - 1], 0x5a);
    assert_true(xen_memory_given() == 1 && xen_memory_leaked() == 0 && machine.pages == 999);
    machine.gives_none = true;
    assert_int_equal(xen_memory_take(page_at(1)), -ENOMEM);
    assert_true(xen_memory_given() == 1 && xen_memory_leaked() == 0);
    machine.gives_none = false;
    assert_int_equal(xen_memory_take(page_at(1)), 0);
    assert_int_equal(machine.last_frame, FIRST_PAGE + 1);
    assert_true(xen_memory_given() == 0 && xen_memory_leaked() == 0 && machine.pages == 1000);
}

static void test_pv(void **state)
{
    (void)state;
    start(&paravirtual);
    assert_int_equal(xen_memory_give(page_at(2)), 0);
    assert_int_equal(machine.last_frame, 0x4002);
    assert_true(rights[2] == PV_NONE && frames[FIRST_PAGE + 2] == NO_FRAME);
    assert_int_equal(xen_memory_take(page_at(2)), 0);
    assert_true(rights[2] == PV_READ_WRITE && frames[FIRST_PAGE + 2] == 0x5000);
    machine.takes_none = true;
    assert_int_equal(xen_memory_give(page_at(2)), -ENOMEM);
    assert_true(rights[2] == PV_READ_WRITE && frames[FIRST_PAGE + 2] == 0x5000);
    assert_true(xen_memory_given() == 0 && xen_memory_leaked() == 0);
}

/* Xen has a frame but does not map it: it goes back, and the next try begins anew. */
static void test_page_cannot_be_mapped(void **state)
{
    (void)state;
    start(&paravirtual);
    assert_int_equal(xen_memory_give(page_at(3)), 0);
    machine.maps_none = true;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(xen_memory_take(page_at(3)), -ENOMEM);
        assert_int_equal(machine.last_frame, 0x5000 + i);
        assert_int_equal(frames[FIRST_PAGE + 3], NO_FRAME);
        assert_true(machine.pages == 999 && xen_memory_given() == 1 && xen_memory_leaked() == 0);
    }
    machine.maps_none = false;
    assert_int_equal(xen_memory_take(page_at(3)), 0);
    assert_true(frames[FIRST_PAGE + 3] == 0x5003 && rights[3] == PV_READ_WRITE);
    assert_true(machine.pages == 1000 && xen_memory_given() == 0 && xen_memory_leaked() == 0);
}

static void test_leaks(void **state)
{
    (void)state;
    start(&paravirtual);
    assert_int_equal(xen_memory_give(page_at(0)), 0);
    machine.maps_none = machine.takes_none = true;
    assert_int_equal(xen_memory_take(page_at(0)), -ENOMEM); /* the frame is nobody's */
    assert_int_equal(xen_memory_leaked(), 1);
    machine.pages -= 3; /* somebody else's doing */
    assert_int_equal(xen_memory_leaked(), 2);
    xen_memory_restored();
    assert_int_equal(xen_memory_leaked(), 0);
}

/* Who gives very much keeps the watchdog alive meanwhile. */
static void test_watchdog(void **state)
{
    (void)state;
    start(&pvh);
    pats = 0;
    for (unsigned i = 0; i < 10000; i++) {
        assert_int_equal(xen_memory_give(page_at(0)), 0);
        assert_int_equal(xen_memory_take(page_at(0)), 0);
    }
    assert_true(pats >= 4 && pats <= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pvh),
        cmocka_unit_test(test_pv),
        cmocka_unit_test(test_page_cannot_be_mapped),
        cmocka_unit_test(test_leaks),
        cmocka_unit_test(test_watchdog),
    };
    void *ram = mmap((void *)RAM, PAGES * XEN_PAGE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

    if (ram != (void *)RAM)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
