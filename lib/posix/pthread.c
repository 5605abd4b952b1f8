/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads: create, join, detach, exit, names. A pthread_t is the kernel's thread; what the thread
 * was started with and what it returns is a small record of ours, freed by whoever comes last: the
 * joiner, or of a detached thread its end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <reent.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/thread.h"
#include "signals.h"
#include "threads.h"

enum state { RUNNING, DETACHED, FINISHED };

struct start {
    void *(*function)(void *);
    void *argument;
    void *result;
    unsigned long signal_mask;
    enum state state; /* changed atomically */
};

/* Threads that were created and have not ended; the main thread waits for 0 in pthread_exit. */
static struct {
    struct mutex lock;
    struct cond none;
    unsigned count;
} live;

static _Thread_local struct _pthread_cleanup_context *cleanups;

static void live_change(int by)
{
    mutex_lock(&live.lock);
    live.count += (unsigned)by;
    if (live.count == 0)
        cond_broadcast(&live.none);
    mutex_unlock(&live.lock);
}

/* In each thread that ends: what newlib holds for it. */
static void reclaim(void)
{
    _reclaim_reent(_REENT);
}

static void thread_body(void *argument)
{
    struct start *start = argument;
    if (signal_mask_set)
        signal_mask_set(start->signal_mask);
    pthread_exit(start->function(start->argument));
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
                   void *argument)
{
    struct start *start = malloc(sizeof *start);
    if (!start)
        return EAGAIN;
    bool detached = attributes && attributes->__detach_state == PTHREAD_CREATE_DETACHED;
    *start = (struct start){
        .function = function,
        .argument = argument,
        .signal_mask = signal_mask ? signal_mask() : 0,
        .state = detached ? DETACHED : RUNNING,
    };
    struct thread_options options = {
        .stack_bytes = attributes ? attributes->__stack_bytes : 0,
        .detached = detached,
        .user = start,
    };
    thread_exit_hook = reclaim;
    live_change(1);
    struct thread *created;
    int result = thread_create(&created, &options, thread_body, start);
    if (result < 0) {
        live_change(-1);
        free(start);
        return result == -ENOMEM ? EAGAIN : -result;
    }
    *thread = (pthread_t)created;
    return 0;
}

/* Of the main thread: the program ends when all others have. */
static void main_exit(void)
{
    mutex_lock(&live.lock);
    while (live.count > 0)
        cond_wait_until(&live.none, &live.lock, NO_DEADLINE);
    mutex_unlock(&live.lock);
    exit(0);
}

void pthread_exit(void *result)
{
    while (cleanups)
        _pthread_cleanup_pop(cleanups, 1);
    if (keys_destroy)
        keys_destroy();
    struct start *start = thread_user(thread_self());
    if (!start)
        main_exit();
    start->result = result;
    if (__atomic_exchange_n(&start->state, FINISHED, __ATOMIC_ACQ_REL) == DETACHED)
        free(start);
    live_change(-1);
    thread_exit();
}

int pthread_join(pthread_t id, void **result)
{
    struct thread *thread = (struct thread *)id;
    if (thread == thread_self())
        return EDEADLK;
    struct start *start = thread_user(thread);
    if (!start || __atomic_load_n(&start->state, __ATOMIC_ACQUIRE) == DETACHED)
        return EINVAL;
    int error = thread_join(thread);
    if (error < 0)
        return -error;
    if (result)
        *result = start->result;
    free(start);
    return 0;
}

int pthread_detach(pthread_t id)
{
    struct thread *thread = (struct thread *)id;
    struct start *start = thread_user(thread);
    if (!start || __atomic_load_n(&start->state, __ATOMIC_ACQUIRE) == DETACHED)
        return EINVAL;
    if (__atomic_exchange_n(&start->state, DETACHED, __ATOMIC_ACQ_REL) == FINISHED)
        free(start);
    return -thread_detach(thread);
}

pthread_t pthread_self(void)
{
    return (pthread_t)thread_self();
}

int pthread_equal(pthread_t first, pthread_t second)
{
    return first == second;
}

int sched_yield(void)
{
    thread_yield();
    return 0;
}

void pthread_yield(void)
{
    thread_yield();
}

int pthread_setname_np(pthread_t id, const char *name)
{
    if (strlen(name) >= THREAD_NAME_BYTES)
        return ERANGE;
    thread_name_set((struct thread *)id, name);
    return 0;
}

int pthread_getname_np(pthread_t id, char *name, size_t bytes)
{
    const char *own = thread_name((struct thread *)id);
    if (strlen(own) >= bytes)
        return ERANGE;
    strcpy(name, own);
    return 0;
}

void _pthread_cleanup_push(struct _pthread_cleanup_context *context, void (*routine)(void *),
                           void *argument)
{
    *context = (struct _pthread_cleanup_context){routine, argument, 0, cleanups};
    cleanups = context;
}

void _pthread_cleanup_pop(struct _pthread_cleanup_context *context, int execute)
{
    cleanups = context->_previous;
    if (execute)
        context->_routine(context->_arg);
}

/* Threads cannot be cancelled. */
int pthread_cancel(pthread_t id)
{
    (void)id;
    return ENOSYS;
}

int pthread_setcancelstate(int state, int *before)
{
    if (state != PTHREAD_CANCEL_ENABLE && state != PTHREAD_CANCEL_DISABLE)
        return EINVAL;
    if (before)
        *before = PTHREAD_CANCEL_ENABLE;
    return 0;
}

int pthread_setcanceltype(int type, int *before)
{
    if (type != PTHREAD_CANCEL_DEFERRED && type != PTHREAD_CANCEL_ASYNCHRONOUS)
        return EINVAL;
    if (before)
        *before = PTHREAD_CANCEL_DEFERRED;
    return 0;
}

void pthread_testcancel(void)
{
}

/* There is no fork that could call them. */
int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    (void)prepare, (void)parent, (void)child;
    return 0;
}
