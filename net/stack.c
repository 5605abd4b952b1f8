/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stack's lock, start-up and the network's errand: to take received frames and run timers. Whoever
 * waits for a descriptor does it, or a thread of its own (kernel/errand.h); an event or the timer asks
 * for it. Part of an image when the program uses sockets: every socket function calls net_lock, which
 * is here.
 */
#include "stack.h"

#include "crowd.h"
#include "kernel/clock.h"
#include "kernel/errand.h"
#include "kernel/log.h"
#include "kernel/start.h"
#include "kernel/thread.h"
#include "kernel/timer.h"
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/opt.h"

#define NET_THREAD_STACK_BYTES (32u * 1024)

struct mutex net_mutex;
static struct timer timer; /* for the next tick of lwIP's that matters, or one before */
static bool timer_expired; /* ... and is to be armed anew */

static void on_timer(struct timer *expired)
{
    (void)expired;
    timer_expired = true;
    errand_wanted();
}

static void stack_enter(void)
{
    net_now_ns = clock_recent_ns();
    timers_run();
}

/* Packets that lwIP sent to this machine itself. True when there were any. */
static bool loopback_run(void)
{
    bool any = false;
    struct netif *netif;
    NETIF_FOREACH(netif) {
        while (netif->loop_first) {
            any = true;
            netif_poll(netif);
        }
    }
    if (any)
        timers_touch();
    return any;
}

/* Everything that lwIP calls left behind. True when packets went round the loopback. */
static bool stack_leave(void)
{
    bool any = false;
    while (loopback_run())
        any = true;
    interfaces_flush();
    uint64_t deadline_ns = timer_expired ? timers_deadline() : timers_new_deadline();
    timer_expired = false;
    if (deadline_ns < (timer.armed ? timer.deadline_ns : NO_DEADLINE))
        timer_arm(&timer, deadline_ns, on_timer);
    return any;
}

void net_lock(void)
{
    mutex_lock(&net_mutex);
    stack_enter();
}

void net_unlock(void)
{
    kassert(mutex_held(&net_mutex));
    stack_leave();
    mutex_unlock(&net_mutex);
}

int net_wait(struct waitq *queue, uint64_t deadline_ns)
{
    /* The loopback may just have brought what the caller waits for, before it is on the queue. */
    if (stack_leave())
        return 0;
    int result = waitq_wait_by(queue, &net_mutex, deadline_ns, errand_park);
    stack_enter();
    return result;
}

void net_assert_failed(const char *file, int line)
{
    panic("lwIP %s:%d: assertion failed", file, line);
}

/*
 * No wake-up is lost: (1) an event's handler, or the timer's, wants the errand, which then runs once more;
 * (2) interfaces_ask looks at the rings once more after asking for events; (3) whoever moves the next
 * deadline forward arms the timer for it, which is armed no later than for the deadline at any time.
 */
static void errand_run(void)
{
    net_lock();
    bool more = interfaces_poll();
    crowd_call(); /* what was acknowledged has left memory */
    more = more || interfaces_ask();
    net_unlock();
    if (more)
        errand_wanted();
}

int net_start(void)
{
    memory_start();
    port_random_start();
    port_table_start();
    mutex_lock(&net_mutex);
    lwip_init();
    stack_enter();
    interfaces_start();
    net_unlock();
    metrics_start();
    int result = errand_start("net", NET_THREAD_STACK_BYTES, errand_run);
    if (result < 0)
        log_line("net: no memory for the network's thread");
    return result;
}
