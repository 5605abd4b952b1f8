/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attributes of threads. Of these the stack's size and the detach state have an effect; a guard
 * page is always there, scheduling is round robin for all.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

#include "kernel/thread.h"

int pthread_attr_init(pthread_attr_t *attributes)
{
    memset(attributes, 0, sizeof *attributes);
    return 0;
}

int pthread_attr_destroy(pthread_attr_t *attributes)
{
    (void)attributes;
    return 0;
}

int pthread_attr_setstacksize(pthread_attr_t *attributes, size_t bytes)
{
    if (bytes < PTHREAD_STACK_MIN)
        return EINVAL;
    attributes->__stack_bytes = bytes < THREAD_STACK_MIN_BYTES ? THREAD_STACK_MIN_BYTES : bytes;
    return 0;
}

int pthread_attr_getstacksize(const pthread_attr_t *attributes, size_t *bytes)
{
    *bytes = attributes->__stack_bytes ? attributes->__stack_bytes : THREAD_STACK_BYTES;
    return 0;
}

int pthread_attr_setdetachstate(pthread_attr_t *attributes, int state)
{
    if (state != PTHREAD_CREATE_JOINABLE && state != PTHREAD_CREATE_DETACHED)
        return EINVAL;
    attributes->__detach_state = state;
    return 0;
}

int pthread_attr_getdetachstate(const pthread_attr_t *attributes, int *state)
{
    *state = attributes->__detach_state;
    return 0;
}

int pthread_attr_setguardsize(pthread_attr_t *attributes, size_t bytes)
{
    attributes->__guard_bytes = bytes;
    return 0;
}

int pthread_attr_getguardsize(const pthread_attr_t *attributes, size_t *bytes)
{
    *bytes = attributes->__guard_bytes ? attributes->__guard_bytes : 4096;
    return 0;
}

int pthread_attr_setschedparam(pthread_attr_t *attributes, const struct sched_param *parameters)
{
    if (parameters->sched_priority != 0)
        return EINVAL;
    attributes->__sched_param = *parameters;
    return 0;
}

int pthread_attr_getschedparam(const pthread_attr_t *attributes, struct sched_param *parameters)
{
    *parameters = attributes->__sched_param;
    return 0;
}
