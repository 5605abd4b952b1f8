/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stack's lock, start-up and the network thread. The thread takes received frames and runs
 * timers while nobody else does, and sleeps exactly until the next one. Part of an image when the
 * program uses sockets: every socket function calls net_lock, which is here.
 */
#include "stack.h"

#include "kernel/clock.h"
#include "kernel/log.h"
#include "kernel/start.h"
#include "kernel/thread.h"
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/opt.h"

#define NET_THREAD_STACK_BYTES (32u * 1024)

static struct mutex lock;
static struct thread *net_thread;
static uint64_t thread_deadline_ns; /* what the thread sleeps until; 0 while it runs */

static void stack_enter(void)
{
    net_now_ns = clock_now_ns();
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
    if (timers_touched()) {
        uint64_t deadline_ns = timers_deadline();
        if (deadline_ns < thread_deadline_ns)
            net_thread_wake();
    }
    return any;
}

void net_lock(void)
{
    mutex_lock(&lock);
    stack_enter();
}

void net_unlock(void)
{
    kassert(mutex_held(&lock));
    stack_leave();
    mutex_unlock(&lock);
}

int net_wait(struct waitq *queue, uint64_t deadline_ns)
{
    /* The loopback may just have brought what the caller waits for, before it is on the queue. */
    if (stack_leave())
        return 0;
    int result = waitq_wait(queue, &lock, deadline_ns);
    stack_enter();
    return result;
}

void net_thread_wake(void)
{
    if (net_thread)
        thread_unpark(net_thread);
}

void net_assert_locked(void)
{
    kassert(mutex_held(&lock));
}

void net_assert_failed(const char *file, int line)
{
    panic("lwIP %s:%d: assertion failed", file, line);
}

/*
 * No wake-up is lost: (1) an event's handler unparks this thread, and an unpark before the park
 * makes the park return at once; (2) interfaces_ask looks at the rings once more after asking for
 * events; (3) who moves the next deadline forward sees thread_deadline_ns, set under the lock, and
 * unparks.
 */
static void net_thread_run(void *argument)
{
    (void)argument;
    for (;;) {
        net_lock();
        thread_deadline_ns = 0;
        bool more = interfaces_poll() || interfaces_ask();
        while (loopback_run())
            ;
        interfaces_flush();
        uint64_t deadline_ns = timers_deadline();
        thread_deadline_ns = deadline_ns;
        mutex_unlock(&lock);
        if (more)
            thread_yield();
        else
            thread_park(deadline_ns);
    }
}

int net_start(void)
{
    static const struct thread_options options = {
        .name = "net", .stack_bytes = NET_THREAD_STACK_BYTES, .detached = true, .system = true};

    memory_start();
    port_random_start();
    mutex_lock(&lock);
    lwip_init();
    stack_enter();
    interfaces_start();
    net_unlock();
    metrics_start();
    int result = thread_create(&net_thread, &options, net_thread_run, NULL);
    if (result < 0)
        log_line("net: no memory for the network thread");
    return result;
}
