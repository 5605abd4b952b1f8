/* SPDX-License-Identifier: BSD-2-Clause */
/* Unnamed semaphores (POSIX.1-2024, <semaphore.h>). */
#ifndef _SEMAPHORE_H
#define _SEMAPHORE_H

#include <sys/cdefs.h>
#include <time.h>

typedef struct {
    unsigned long __opaque[8];
} sem_t;

#ifndef SEM_VALUE_MAX
#define SEM_VALUE_MAX 0x7fffffff
#endif

__BEGIN_DECLS

/* All return 0, or -1 with errno. */
int sem_init(sem_t *semaphore, int shared, unsigned value); /* EINVAL */
int sem_destroy(sem_t *semaphore);                          /* EBUSY */
int sem_post(sem_t *semaphore);                             /* EOVERFLOW */
int sem_wait(sem_t *semaphore);
int sem_trywait(sem_t *semaphore); /* EAGAIN */
int sem_timedwait(sem_t *__restrict semaphore,
                  const struct timespec *__restrict time); /* EINVAL, ETIMEDOUT */
int sem_clockwait(sem_t *__restrict semaphore, clockid_t clock,
                  const struct timespec *__restrict time);
int sem_getvalue(sem_t *__restrict semaphore, int *__restrict value);

__END_DECLS

#endif
