/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads: results, detaching, stack sizes, keys, clean-up, names; nothing stays allocated. */
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <unistd.h>

#include "check.h"

static pthread_key_t key, again;
static volatile int destroyed, cleaned, finished;

static void destroy(void *value)
{
    CHECK(pthread_getspecific(key) == NULL);
    if (++destroyed % 2 == 1)
        CHECK(pthread_setspecific(key, value) == 0); /* asks for another round */
}

static void clean(void *argument)
{
    cleaned = cleaned * 10 + (int)(uintptr_t)argument;
}

static void *with_key(void *argument)
{
    CHECK(pthread_getspecific(key) == NULL && pthread_setspecific(key, argument) == 0);
    CHECK(pthread_getspecific(key) == argument);
    pthread_cleanup_push(clean, (void *)1);
    pthread_cleanup_push(clean, (void *)2);
    pthread_exit((void *)7);
    pthread_cleanup_pop(0);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *big_stack(void *argument)
{
    volatile char array[200000];
    for (size_t i = 0; i < sizeof array; i += 4096)
        array[i] = 1;
    return (void *)(uintptr_t)(array[4096] + (argument != NULL));
}

static void *detached(void *argument)
{
    char text[32];
    snprintf(text, sizeof text, "%f", 1.5); /* memory of newlib's own for this thread */
    __atomic_fetch_add(&finished, 1, __ATOMIC_RELAXED);
    return argument;
}

static void *name(void *argument)
{
    char text[16];
    CHECK(pthread_setname_np(pthread_self(), "worker") == 0);
    CHECK(pthread_getname_np(pthread_self(), text, sizeof text) == 0 &&
          strcmp(text, "worker") == 0);
    CHECK(pthread_getname_np(pthread_self(), text, 3) == ERANGE);
    CHECK(pthread_setname_np(pthread_self(), "much too long a name") == ERANGE);
    return argument;
}

static void basics(void)
{
    pthread_t thread;
    pthread_attr_t attributes;
    void *result;
    size_t bytes;
    CHECK(pthread_key_create(&key, destroy) == 0);
    CHECK(pthread_create(&thread, NULL, with_key, (void *)5) == 0);
    CHECK(pthread_join(thread, &result) == 0 && result == (void *)7 && destroyed == 2);
    CHECK(cleaned == 21);
    CHECK(pthread_setspecific(key, (void *)9) == 0 && pthread_key_delete(key) == 0);
    CHECK(pthread_key_create(&again, NULL) == 0 && again == key && !pthread_getspecific(again));
    CHECK(pthread_key_delete(again) == 0 && pthread_key_delete(again) == EINVAL);
    CHECK(pthread_setspecific(12345, NULL) == EINVAL);

    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_getstacksize(&attributes, &bytes) == 0 && bytes <= 65536);
    CHECK(pthread_attr_setstacksize(&attributes, 100) == EINVAL);
    CHECK(pthread_attr_setstacksize(&attributes, 262144) == 0);
    CHECK(pthread_create(&thread, &attributes, big_stack, NULL) == 0);
    CHECK(pthread_join(thread, &result) == 0 && result == (void *)1);
    CHECK(pthread_create(&thread, NULL, name, NULL) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(pthread_join(pthread_self(), NULL) == EDEADLK);
    CHECK(pthread_equal(pthread_self(), pthread_self()) &&
          pthread_cancel(pthread_self()) == ENOSYS);
}

static void detaching(int rounds)
{
    pthread_attr_t attributes;
    pthread_t thread;
    double threads = metric("coracle_threads");
    pthread_attr_init(&attributes);
    CHECK(pthread_attr_setdetachstate(&attributes, 77) == EINVAL);
    CHECK(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0);
    for (int i = 0; i < rounds; i++) {
        int before = finished;
        CHECK(pthread_create(&thread, i % 3 == 0 ? &attributes : NULL, detached, NULL) == 0);
        if (i % 3 == 1)
            sched_yield();
        if (i % 3 != 0)
            CHECK(pthread_detach(thread) == 0);
        while (finished == before)
            sched_yield();
    }
    while (metric("coracle_threads") > threads)
        usleep(1000);
}

static double pages(void)
{
    return metric("coracle_memory_in_use_bytes");
}

int main(void)
{
    basics();
    detaching(30);
    pages(); /* the heap grows for reading the metrics itself */
    double before = pages();
    CHECK(before > 0 && metric("coracle_threads") >= 1);
    double threads = metric("coracle_threads");
    detaching(1500);
    CHECK(pages() == before && metric("coracle_threads") == threads);
    puts("ok");
    return 0;
}
