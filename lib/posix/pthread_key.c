/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Thread-specific data. A thread's values are allocated with its first pthread_setspecific. A value
 * carries the key's generation, so that a key that is deleted and created anew starts at NULL.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

#include "threads.h"

struct value {
    void *pointer;
    unsigned generation;
};

static struct {
    struct mutex lock;
    struct key {
        bool used;
        unsigned generation;
        void (*destructor)(void *);
    } keys[PTHREAD_KEYS_MAX];
} table;

static _Thread_local struct value *values;

int pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
    int result = EAGAIN;
    mutex_lock(&table.lock);
    for (unsigned i = 0; i < PTHREAD_KEYS_MAX && result != 0; i++)
        if (!table.keys[i].used) {
            table.keys[i].used = true;
            table.keys[i].generation++;
            table.keys[i].destructor = destructor;
            *key = i;
            result = 0;
        }
    mutex_unlock(&table.lock);
    return result;
}

int pthread_key_delete(pthread_key_t key)
{
    int result = EINVAL;
    mutex_lock(&table.lock);
    if (key < PTHREAD_KEYS_MAX && table.keys[key].used) {
        table.keys[key].used = false;
        result = 0;
    }
    mutex_unlock(&table.lock);
    return result;
}

int pthread_setspecific(pthread_key_t key, const void *pointer)
{
    if (key >= PTHREAD_KEYS_MAX || !table.keys[key].used)
        return EINVAL;
    if (!values)
        values = calloc(PTHREAD_KEYS_MAX, sizeof *values);
    if (!values)
        return ENOMEM;
    values[key].pointer = (void *)(uintptr_t)pointer;
    values[key].generation = table.keys[key].generation;
    return 0;
}

void *pthread_getspecific(pthread_key_t key)
{
    if (!values || key >= PTHREAD_KEYS_MAX || !table.keys[key].used ||
        values[key].generation != table.keys[key].generation)
        return NULL;
    return values[key].pointer;
}

/* One pass; true when a destructor ran, which may have set values anew. */
static bool destructors_run(void)
{
    bool ran = false;
    for (unsigned i = 0; i < PTHREAD_KEYS_MAX; i++) {
        void *pointer = pthread_getspecific(i);
        void (*destructor)(void *) = table.keys[i].destructor;
        if (!pointer || !destructor)
            continue;
        values[i].pointer = NULL;
        destructor(pointer);
        ran = true;
    }
    return ran;
}

void keys_destroy(void)
{
    if (!values)
        return;
    for (int pass = 0; pass < PTHREAD_DESTRUCTOR_ITERATIONS && destructors_run(); pass++)
        ;
    free(values);
    values = NULL;
}
