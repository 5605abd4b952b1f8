/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system's errand (errand.h), from park and unpark: it is done by the thread that began to wait last,
 * or by its own one while nobody waits. Part of an image when the network or something that waits for
 * descriptors is.
 */
#include "kernel/errand.h"

#include "kernel/log.h"
#include "sched.h"

/* What the network needs at its deepest is a third of that. */
#define STACK_BYTES (16u * 1024)

static void (*errand)(void);
static struct thread *own;     /* its thread */
static struct thread *waiting; /* in errand_park; NULL: nobody */
static bool wanted;
static bool
    own_sleeps; /* its unpark was for the errand, not for a lock that it waits for amid it */

/* True: the caller runs the errand now. */
static bool errand_take(void)
{
    return wanted && __atomic_exchange_n(&wanted, false, __ATOMIC_RELAXED);
}

/* No call is lost: `wanted` is set before the unpark, and each thread that is unparked here looks at
 * it after its park: own_run in its loop, errand_park at its end. While it is set, one of them is on its
 * way; and who takes that back (errand_take_over) looks at it as well. */
void errand_wanted(void)
{
    unsigned state = upcalls_mask();

    if (!wanted) {
        wanted = true;
        if (waiting != NULL && waiting->state == THREAD_PARKED)
            thread_unpark(waiting);
        else if (own != NULL)
            thread_unpark(own);
    }
    upcalls_restore(state);
}

static void own_run(void *argument)
{
    (void)argument;
    for (;;) {
        if (!errand_take()) {
            own_sleeps = true;
            thread_park(NO_DEADLINE);
            own_sleeps = false;
            continue;
        }
        errand();
        if (wanted)
            thread_yield();
    }
}

int errand_start(const char *name, size_t stack_bytes, void (*run)(void))
{
    const struct thread_options options = {
        .name = name, .stack_bytes = stack_bytes, .detached = true, .system = true};

    kassert(errand == NULL);
    errand = run;
    return thread_create(&own, &options, own_run, NULL);
}

static bool stack_has_room(const struct thread *self)
{
    return (uintptr_t)__builtin_frame_address(0) - (uintptr_t)self->stack_low >= STACK_BYTES;
}

/* Its own thread need not run for what the caller does at once. */
static void errand_take_over(void)
{
    unsigned state = upcalls_mask();

    if (own_sleeps)
        thread_unpark_undo(own);
    sched_slice_renew();
    upcalls_restore(state);
}

int errand_park(uint64_t deadline_ns)
{
    struct thread *self = thread_self();
    int result = 0;

    if (own == NULL || !stack_has_room(self))
        return thread_park(deadline_ns);
    if (wanted) {
        errand_take_over();
    } else {
        waiting = self;
        result = thread_park(deadline_ns);
        if (waiting == self)
            waiting = NULL;
    }
    if (!errand_take())
        return result;
    errand();
    self->token = false; /* of those who woke us meanwhile: we return to look */
    return 0;
}
