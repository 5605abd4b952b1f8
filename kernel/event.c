/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events from the other side: a table of handlers. Dispatched by the scheduler with upcalls masked;
 * filled by the kernel's devices and by net.
 */
#include "kernel/event.h"

#include "kernel/errno.h"
#include "kernel/metrics.h"
#include "pvabi/pv.h"
#include "sched.h"

struct handler {
    void (*run)(void *context);
    void *context;
};

/* Away from what every program touches (image.lds). */
static struct handler handlers[PV_EVENT_COUNT] __attribute__((section(".bss..cold")));
static struct event_listener *system_listeners;

int event_handle(unsigned event, void (*handler)(void *context), void *context)
{
    unsigned state;

    if (event >= PV_EVENT_COUNT || event == PV_EVENT_TIMER || event == PV_EVENT_SYSTEM)
        return -EINVAL;
    state = upcalls_mask();
    handlers[event] = (struct handler){handler, context};
    upcalls_restore(state);
    return 0;
}

void event_listen_system(struct event_listener *listener)
{
    unsigned state = upcalls_mask();

    listener->next = system_listeners;
    system_listeners = listener;
    upcalls_restore(state);
}

static void system_tell(void)
{
    for (const struct event_listener *at = system_listeners; at; at = at->next)
        at->run(at->context);
}

void event_dispatch(const uint64_t *taken)
{
    for (unsigned word = 0; word < PV_EVENT_WORDS; word++) {
        uint64_t bits = taken[word];

        for (; bits != 0; bits &= bits - 1) {
            unsigned event = word * 64 + (unsigned)__builtin_ctzll(bits);

            metrics.events++;
            if (handlers[event].run != NULL)
                handlers[event].run(handlers[event].context);
            if (event == PV_EVENT_SYSTEM)
                system_tell();
        }
    }
}
