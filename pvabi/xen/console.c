/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Output: the ring shared with the console's daemon, or, in a domain without one (the first on a
 * host), Xen's own console. The ring is the domain's one console, so the three channels go through
 * it in turns: DLE and 1, 2 or 3 in front of what is standard output, standard error or log; a DLE
 * of the text's own is doubled. It starts as standard output. Usable from the first moment, and while
 * crashing. Input is console_read.c.
 */
#include "console.h"

#include <xen/sched.h>

#include "arch/arch.h"
#include "pvabi/errno.h"

#define OUT_BYTES ((uint32_t)sizeof(((struct xencons_interface *)0)->out))
#define WAIT_NS 100000000ull
#define WAIT_CYCLES (1ull << 28)
#define WAITS_MAX 100u /* without any progress: ten seconds */

struct xen_console xen_console;

EARLY void xen_console_start(struct xencons_interface *ring, uint32_t port)
{
    pv_upcall = (struct pv_upcall *)(void *)&xen_vcpu;
    pv_upcall->mask = 1;
    xen_console.ring = ring;
    xen_console.port = port;
    xen_console.channel = PV_STDOUT;
    if (ring == NULL)
        return;
    xen_console.out_prod = *(volatile uint32_t *)&ring->out_prod;
    xen_console.in_cons = *(volatile uint32_t *)&ring->in_cons;
    if (xen_console.in_event != 0) /* after a restore */
        (void)xen_port_bind(port, xen_console.in_event, false);
}

/* Xen's console: everybody's in a debug build, else the first domain's only. */
static void console_emergency(const char *data, size_t bytes)
{
    while (bytes > 0) {
        size_t part = bytes < XEN_PAGE ? bytes : XEN_PAGE;

        xen_hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, part, (uintptr_t)data, 0);
        data += part;
        bytes -= part;
    }
}

void xen_console_fail(const char *why)
{
    static const char before[] = "console out of service: ";

    xen_console.ring = NULL;
    console_emergency(before, sizeof(before) - 1);
    console_emergency(why, __builtin_strlen(why));
    console_emergency("\n", 1);
}

/* Free bytes. The ring fails when the other side's index is not one that it can have. */
static uint32_t console_room(void)
{
    /* Acquire: bytes are not written over before the other side's index says that it has read
     * them. */
    uint32_t used = xen_console.out_prod -
                    __atomic_load_n(&xen_console.ring->out_cons, __ATOMIC_ACQUIRE);

    if (used <= OUT_BYTES)
        return OUT_BYTES - used;
    xen_console_fail("its reader is ahead of its writer");
    return 0;
}

static void console_put(char byte)
{
    xen_console.ring->out[MASK_XENCONS_IDX(xen_console.out_prod++, xen_console.ring->out)] = byte;
}

/* Puts as much into `room` bytes as fits, and the channel's mark where it changes. */
static size_t console_fill(enum pv_channel channel, const char *data, size_t bytes, uint32_t room)
{
    size_t done = 0;

    if (bytes > 0 && channel != xen_console.channel) {
        if (room < 3)
            return 0;
        console_put(DLE);
        console_put((char)(1 + channel));
        xen_console.channel = channel;
        room -= 2;
    }
    for (; done < bytes && room > 0; done++, room--) {
        if (data[done] == DLE) {
            if (room < 2)
                break;
            room--;
            console_put(DLE);
        }
        console_put(data[done]);
    }
    return done;
}

/* One turn: what fits now. */
static size_t console_turn(enum pv_channel channel, const char *data, size_t bytes)
{
    unsigned state = xen_upcalls_mask();
    size_t done = 0;
    uint32_t room;

    if (xen_console.ring != NULL && (room = console_room()) > 0) {
        uint32_t before = xen_console.out_prod;

        if (xen_console.asks && room >= 2) {
            console_put(DLE);
            console_put(XEN_CONSOLE_ASK);
            xen_console.asks = false;
            room -= 2;
        }
        done = console_fill(channel, data, bytes, room);
        if (xen_console.out_prod != before) {
            /* Release: the bytes are written before the index that hands them over. */
            __atomic_store_n(&xen_console.ring->out_prod, xen_console.out_prod, __ATOMIC_RELEASE);
            xen_channel_send(xen_console.port);
        }
    }
    xen_upcalls_restore(state);
    return done;
}

/* Before there is a clock, and a page in which events are told: about as long, by the CPU's own
 * count, or until the other side has read something. */
static void console_yield(void)
{
    const uint32_t *out_cons = &xen_console.ring->out_cons;
    uint32_t seen = __atomic_load_n(out_cons, __ATOMIC_RELAXED);
    uint64_t start = arch_cycles();

    while (arch_cycles() - start < WAIT_CYCLES &&
           __atomic_load_n(out_cons, __ATOMIC_RELAXED) == seen)
        xen_hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0);
}

static void console_sleep(void)
{
    unsigned state;

    if (pv_clock == NULL) {
        console_yield();
        return;
    }
    state = xen_upcalls_mask();
    xen_channel_wait(xen_console.port, xen_now_ns() + WAIT_NS);
    if (xen_console.in_event != 0)
        xen_event_raise(xen_console.in_event); /* what was taken may have told of input */
    xen_upcalls_restore(state);
}

long xen_write(enum pv_channel channel, const void *data, size_t bytes)
{
    const char *text = data;
    size_t done = 0;
    unsigned waits = 0;

    if (xen_console.ring == NULL) {
        console_emergency(data, bytes);
        return (long)bytes;
    }
    while (done < bytes || xen_console.asks) {
        size_t part = console_turn(channel, text + done, bytes - done);

        done += part;
        if (xen_console.ring == NULL)
            return -EIO;
        waits = part > 0 ? 0 : waits + 1;
        if (waits > WAITS_MAX) {
            xen_console_fail("nobody reads it");
            return -EIO;
        }
        if (done < bytes || xen_console.asks)
            console_sleep();
    }
    return (long)done;
}

void xen_log(const char *data, size_t bytes)
{
    xen_write(PV_LOG, data, bytes);
}

void xen_say(const char *words)
{
    pv_say(words);
}

void xen_console_drain(void)
{
    for (unsigned waits = 0; xen_console.ring != NULL && waits < WAITS_MAX; waits++) {
        if (console_room() == OUT_BYTES)
            return;
        console_sleep();
    }
}
