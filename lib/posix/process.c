/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process and its user: there is one of each. Process 1, user and group 0 in every sense; other
 * programs cannot be started.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "process.h"

static mode_t file_mask = 022;

pid_t getpid(void)
{
    return 1;
}

pid_t getppid(void)
{
    return 0;
}

pid_t getpgrp(void)
{
    return getpid();
}

pid_t getpgid(pid_t pid)
{
    return pid == 0 || pid == getpid() ? getpid() : (pid_t)errno_result(-ESRCH);
}

pid_t getsid(pid_t pid)
{
    return getpgid(pid);
}

uid_t getuid(void)
{
    return 0;
}

uid_t geteuid(void)
{
    return 0;
}

gid_t getgid(void)
{
    return 0;
}

gid_t getegid(void)
{
    return 0;
}

/* Users and groups other than 0 do not exist. */
static int only_root(unsigned id)
{
    return (int)errno_result(id == 0 ? 0 : -EINVAL);
}

int setuid(uid_t user)
{
    return only_root(user);
}

int seteuid(uid_t user)
{
    return only_root(user);
}

int setgid(gid_t group)
{
    return only_root(group);
}

int setegid(gid_t group)
{
    return only_root(group);
}

int getgroups(int size, gid_t groups[])
{
    if (size > 0)
        groups[0] = 0;
    return size < 0 ? (int)errno_result(-EINVAL) : 1;
}

mode_t umask(mode_t mask)
{
    mode_t before = file_mask;
    file_mask = mask & 0777;
    return before;
}

mode_t mode_masked(mode_t mode)
{
    return mode & 07777 & ~file_mask;
}

pid_t fork(void)
{
    return (pid_t)errno_result(-ENOSYS);
}

int execve(const char *path, char *const arguments[], char *const environment[])
{
    (void)path, (void)arguments, (void)environment;
    return (int)errno_result(-ENOSYS);
}

/* There is no command processor. */
int system(const char *command)
{
    return command ? (int)errno_result(-ENOSYS) : 0;
}
