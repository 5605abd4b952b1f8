/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The types behind newlib's <pthread.h>: structures of Coracle's own with room to grow, where
 * newlib has 32-bit handles that would need a table. lib/posix overlays its real structures on them
 * and asserts that they fit; nobody else may look inside. Static initializers are all zeros, so an
 * object in .bss is ready for use.
 */
#ifndef _SYS__PTHREADTYPES_H_
#define _SYS__PTHREADTYPES_H_

#include <stddef.h>
#include <sys/sched.h>

typedef unsigned long pthread_t; /* 0 is no thread */
typedef unsigned int pthread_key_t;

#define PTHREAD_SCOPE_PROCESS 0
#define PTHREAD_SCOPE_SYSTEM 1

#define PTHREAD_INHERIT_SCHED 1
#define PTHREAD_EXPLICIT_SCHED 2

#define PTHREAD_CREATE_JOINABLE 0
#define PTHREAD_CREATE_DETACHED 1

#define PTHREAD_PROCESS_PRIVATE 0
#define PTHREAD_PROCESS_SHARED 1

#define PTHREAD_MUTEX_NORMAL 0
#define PTHREAD_MUTEX_RECURSIVE 1
#define PTHREAD_MUTEX_ERRORCHECK 2
#define PTHREAD_MUTEX_DEFAULT PTHREAD_MUTEX_NORMAL

/* The smallest stack a thread may ask for, in bytes. */
#define PTHREAD_STACK_MIN 4096

/* Filled by pthread_attr_init(); all zeros means every default. */
typedef struct {
    int __detach_state;
    int __inherit_sched;
    int __sched_policy;
    int __scope;
    struct sched_param __sched_param;
    void *__stack_addr;
    size_t __stack_bytes;
    size_t __guard_bytes;
    unsigned long __reserved[4];
} pthread_attr_t;

typedef struct {
    int __type;
    int __shared;
    unsigned long __reserved[3];
} pthread_mutexattr_t;

typedef struct {
    unsigned long __clock;
    int __shared;
    unsigned long __reserved[2];
} pthread_condattr_t;

typedef struct {
    int __shared;
    unsigned long __reserved[3];
} pthread_rwlockattr_t;

typedef struct {
    int __shared;
    unsigned long __reserved[3];
} pthread_barrierattr_t;

typedef struct {
    int __type;
    int __reserved;
    unsigned long __opaque[7];
} pthread_mutex_t;

typedef struct {
    unsigned long __opaque[8];
} pthread_cond_t;

typedef struct {
    unsigned long __opaque[16];
} pthread_rwlock_t;

typedef struct {
    unsigned long __opaque[16];
} pthread_barrier_t;

typedef struct {
    unsigned long __opaque[2];
} pthread_spinlock_t;

typedef struct {
    unsigned long __opaque[8];
} pthread_once_t;

/* clang-format off */
#define _PTHREAD_MUTEX_INITIALIZER { 0, 0, { 0 } }
#define _PTHREAD_COND_INITIALIZER { { 0 } }
#define _PTHREAD_RWLOCK_INITIALIZER { { 0 } }
#define _PTHREAD_ONCE_INIT { { 0 } }

/* The common extension: a mutex that its owner may lock again. */
#define PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP { PTHREAD_MUTEX_RECURSIVE, 0, { 0 } }
/* clang-format on */

#endif
