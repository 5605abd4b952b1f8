/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of stdio that newlib declares and does not have. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/lock.h>

ssize_t getdelim(char **restrict line, size_t *restrict bytes, int delimiter, FILE *restrict file)
{
    return __getdelim(line, bytes, delimiter, file);
}

ssize_t getline(char **restrict line, size_t *restrict bytes, FILE *restrict file)
{
    return __getdelim(line, bytes, '\n', file);
}

void flockfile(FILE *file)
{
    __lock_acquire_recursive(file->_lock);
}

int ftrylockfile(FILE *file)
{
    return __lock_try_acquire_recursive(file->_lock) ? 0 : -1;
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
