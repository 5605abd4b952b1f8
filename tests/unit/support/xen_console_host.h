/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pvabi/xen/console.c is linked with elsewhere, the same in each test of the console: no upcalls,
 * a clock that stands, and Xen's own console, which keeps what it hears.
 */
#ifndef TESTS_XEN_CONSOLE_HOST_H
#define TESTS_XEN_CONSOLE_HOST_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "arch/pvclock.h"
#include "pvabi/xen/console.h"
#include "pvabi/xen/xen.h"

#include <xen/sched.h>
#include <xen/xen.h>

#define PORT 2u

struct pv_upcall *pv_upcall;
static const struct pvclock clock_stands;
const struct pvclock *pv_clock = &clock_stands;
struct xen_vcpu xen_vcpu;
struct pv_counters pv_counters;

static struct xencons_interface *ring;
static char emergency[4096];
static size_t emergency_bytes;
static unsigned sends;
static void (*on_yield)(void); /* NULL: the guest is not to yield */

unsigned xen_upcalls_mask(void)
{
    return 1;
}

void xen_upcalls_restore(unsigned state)
{
    (void)state;
}

uint64_t xen_now_ns(void)
{
    return 0;
}

void xen_channel_send(uint32_t port)
{
    assert_int_equal(port, PORT);
    sends++;
}

long xen_hypercall(unsigned long number, unsigned long a, unsigned long b, unsigned long c,
                   unsigned long d)
{
    (void)d;
    if (number == __HYPERVISOR_sched_op && a == SCHEDOP_yield && on_yield != NULL) {
        on_yield();
        return 0;
    }
    assert_int_equal(number, __HYPERVISOR_console_io);
    assert_int_equal(a, CONSOLEIO_write);
    assert_true(emergency_bytes + b < sizeof(emergency));
    memcpy(emergency + emergency_bytes, (const void *)c, b);
    emergency_bytes += b;
    return 0;
}

/* A console that was just started, with an empty ring. */
static void ring_begin(void)
{
    ring = calloc(1, sizeof(*ring));
    memset(emergency, 0, sizeof(emergency));
    emergency_bytes = 0;
    sends = 0;
    xen_console = (struct xen_console){0};
    xen_console_start(ring, PORT);
}

static int ring_end(void **state)
{
    (void)state;
    free(ring);
    return 0;
}

#endif
