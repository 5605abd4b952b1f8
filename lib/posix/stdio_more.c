/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of stdio that newlib declares and does not have. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/lock.h>

/* libc.a's: sets the standard streams up. */
extern void __sinit(struct _reent *reent);

ssize_t getdelim(char **restrict line, size_t *restrict bytes, int delimiter, FILE *restrict file)
{
    return __getdelim(line, bytes, delimiter, file);
}

ssize_t getline(char **restrict line, size_t *restrict bytes, FILE *restrict file)
{
    return __getdelim(line, bytes, '\n', file);
}

/* The standard streams have theirs from the first use on, which may be this one. */
static _LOCK_T lock_of(FILE *file)
{
    if (!file->_lock)
        __sinit(_REENT);
    return file->_lock;
}

void flockfile(FILE *file)
{
    __lock_acquire_recursive(lock_of(file));
}

int ftrylockfile(FILE *file)
{
    return __lock_try_acquire_recursive(lock_of(file)) ? 0 : -1;
}

void funlockfile(FILE *file)
{
    __lock_release_recursive(file->_lock);
}

/* There are no other programs to talk to. */
FILE *popen(const char *command, const char *mode)
{
    (void)command, (void)mode;
    errno = ENOSYS;
    return NULL;
}

int pclose(FILE *file)
{
    (void)file;
    errno = ECHILD;
    return -1;
}
