/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers in a pairing heap: arming is constant, cancelling and expiring amortized logarithmic, no
 * memory of its own. Any thread and any event handler; each operation masks upcalls.
 */
#include "kernel/timer.h"

#include <stddef.h>

#include "kernel/metrics.h"
#include "kernel/thread.h"
#include "sched.h"

static struct timer *root;
static uint64_t armed_count;

/* The heap's links: `child` is the first of a timer's children, `sibling` the next of its
 * siblings; `prev` the sibling before, or the parent for a first child. */
static struct timer *meld(struct timer *a, struct timer *b)
{
    struct timer *lower, *higher;

    if (a == NULL)
        return b;
    if (b == NULL)
        return a;
    lower = b->deadline_ns < a->deadline_ns ? b : a;
    higher = lower == a ? b : a;
    higher->prev = lower;
    higher->sibling = lower->child;
    if (lower->child != NULL)
        lower->child->prev = higher;
    lower->child = higher;
    lower->sibling = lower->prev = NULL;
    return lower;
}

/* Melds siblings: in pairs from the left, then the pairs from the right. */
static struct timer *meld_siblings(struct timer *first)
{
    struct timer *pairs = NULL, *result = NULL;

    while (first != NULL) {
        struct timer *a = first, *b = a->sibling;

        first = b != NULL ? b->sibling : NULL;
        a->sibling = a->prev = NULL;
        if (b != NULL)
            b->sibling = b->prev = NULL;
        a = meld(a, b);
        a->sibling = pairs;
        pairs = a;
    }
    while (pairs != NULL) {
        struct timer *next = pairs->sibling;

        pairs->sibling = pairs->prev = NULL;
        result = meld(result, pairs);
        pairs = next;
    }
    return result;
}

static void heap_remove(struct timer *timer)
{
    struct timer *rest = meld_siblings(timer->child);

    if (timer == root) {
        root = rest;
    } else {
        if (timer->prev->child == timer)
            timer->prev->child = timer->sibling;
        else
            timer->prev->sibling = timer->sibling;
        if (timer->sibling != NULL)
            timer->sibling->prev = timer->prev;
        root = meld(root, rest);
    }
    timer->child = timer->sibling = timer->prev = NULL;
    timer->armed = false;
    armed_count--;
}

void timer_insert(struct timer *timer, uint64_t deadline_ns, void (*expire)(struct timer *timer))
{
    if (timer->armed)
        heap_remove(timer);
    timer->deadline_ns = deadline_ns;
    timer->expire = expire;
    timer->child = timer->sibling = timer->prev = NULL;
    timer->armed = true;
    armed_count++;
    root = meld(root, timer);
}

void timer_arm(struct timer *timer, uint64_t deadline_ns, void (*expire)(struct timer *timer))
{
    unsigned state = upcalls_mask();

    timer_insert(timer, deadline_ns, expire);
    if (root == timer)
        sched_timer_armed();
    upcalls_restore(state);
}

void timer_cancel(struct timer *timer)
{
    unsigned state = upcalls_mask();

    if (timer->armed)
        heap_remove(timer);
    upcalls_restore(state);
}

uint64_t timer_next_deadline(void)
{
    return root != NULL ? root->deadline_ns : NO_DEADLINE;
}

void timer_expire(uint64_t now_ns)
{
    /* At most as many as there were: a callback that arms a timer for the past cannot keep us. */
    for (uint64_t left = armed_count; left > 0; left--) {
        struct timer *timer = root;

        if (timer == NULL || timer->deadline_ns > now_ns)
            return;
        heap_remove(timer);
        metrics.timers_expired++;
        timer->expire(timer);
    }
}
