/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * newlib's locks over kernel mutexes: the ten functions and eight static locks that replace
 * libc.a's no-ops, all in this one object (libc.a's lock object must not be pulled in beside it).
 * newlib asks for a lock for each FILE; without memory such a FILE shares one spare lock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/lock.h>

#include "fd.h"
#include "kernel/sync.h"

/* Recursive locks count in `depth`, which only the owner touches; plain ones leave it alone. */
struct __lock {
    struct mutex mutex;
    unsigned depth;
};

struct __lock __lock___sfp_recursive_mutex;
struct __lock __lock___atexit_recursive_mutex;
struct __lock __lock___at_quick_exit_mutex;
struct __lock __lock___malloc_recursive_mutex;
struct __lock __lock___env_recursive_mutex;
struct __lock __lock___tz_mutex;
struct __lock __lock___dd_hash_mutex;
struct __lock __lock___arc4random_mutex;

/* The standard streams' locks, and the one for FILEs without memory. */
static struct __lock static_locks[4];
#define SPARE (&static_locks[3])

/* newlib's standard streams; weak, so that a program without stdio has none of it. */
extern FILE __sf[3] __attribute__((weak));

void __retarget_lock_init(_LOCK_T *lock)
{
    *lock = calloc(1, sizeof **lock);
    if (!*lock)
        *lock = SPARE;
}

/* What standard output writes to, so that printing needs no heap. */
static unsigned char console_buffer[CONSOLE_BUFFER_BYTES];
bool fd_console_spoken;

/* A standard stream that newlib has just set up. It opens standard error for reading as well, and
 * then writes each piece of a format by itself; as a stream for writing it is written at once. */
static void set_up_standard(FILE *file)
{
    if (file == &__sf[2]) {
        file->_flags = (short)((file->_flags & ~__SRW) | __SWR);
    } else if (file == &__sf[1] && fd_console_output()) {
        file->_p = file->_bf._base = console_buffer;
        file->_bf._size = sizeof console_buffer;
        file->_flags |= __SLBF;
        if (fd_console_spoken)
            file->_flags |= __SORD;
    }
}

/* Called for the lock of each FILE when it is set up. */
void __retarget_lock_init_recursive(_LOCK_T *lock)
{
    uintptr_t offset = (uintptr_t)lock - (uintptr_t)&__sf[0]._lock;

    if (!__sf || offset >= sizeof __sf) {
        __retarget_lock_init(lock);
        return;
    }
    *lock = &static_locks[offset / sizeof __sf[0]];
    set_up_standard(&__sf[offset / sizeof __sf[0]]);
}

void __retarget_lock_close(_LOCK_T lock)
{
    if (lock < static_locks || lock > SPARE)
        free(lock);
}

void __retarget_lock_close_recursive(_LOCK_T lock)
{
    __retarget_lock_close(lock);
}

void __retarget_lock_acquire(_LOCK_T lock)
{
    mutex_lock(&lock->mutex);
}

void __retarget_lock_acquire_recursive(_LOCK_T lock)
{
    if (mutex_try(&lock->mutex))
        return;
    if (mutex_held(&lock->mutex))
        lock->depth++;
    else
        mutex_lock(&lock->mutex);
}

int __retarget_lock_try_acquire(_LOCK_T lock)
{
    return mutex_try(&lock->mutex);
}

int __retarget_lock_try_acquire_recursive(_LOCK_T lock)
{
    if (mutex_try(&lock->mutex))
        return 1;
    if (!mutex_held(&lock->mutex))
        return 0;
    lock->depth++;
    return 1;
}

void __retarget_lock_release(_LOCK_T lock)
{
    mutex_unlock(&lock->mutex);
}

void __retarget_lock_release_recursive(_LOCK_T lock)
{
    if (lock->depth > 0) {
        lock->depth--;
        return;
    }
    mutex_unlock(&lock->mutex);
}
