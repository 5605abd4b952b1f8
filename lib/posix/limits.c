/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits and usage: sysconf, pathconf, getrlimit, setrlimit, getrusage. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fd.h"
#include "kernel/page.h"
#include "kernel/thread.h"

long sysconf(int name)
{
    switch (name) {
    case _SC_PAGESIZE:
        return PAGE_BYTES;
    case _SC_NPROCESSORS_CONF:
    case _SC_NPROCESSORS_ONLN:
        return 1;
    case _SC_PHYS_PAGES:
        return (long)page_total();
    case _SC_AVPHYS_PAGES:
        return (long)(page_total() - page_in_use());
    case _SC_OPEN_MAX:
        return fd_limit();
    case _SC_CLK_TCK:
        return CLOCKS_PER_SEC;
    case _SC_ARG_MAX:
        return ARG_MAX;
    case _SC_CHILD_MAX:
        return 0;
    case _SC_NGROUPS_MAX:
        return NGROUPS_MAX;
    case _SC_IOV_MAX:
        return IOV_MAX;
    case _SC_LINE_MAX:
        return LINE_MAX;
    case _SC_HOST_NAME_MAX:
        return HOST_NAME_MAX;
    case _SC_SYMLOOP_MAX:
        return SYMLOOP_MAX;
    case _SC_SEM_VALUE_MAX:
        return SEM_VALUE_MAX;
    case _SC_THREAD_KEYS_MAX:
        return PTHREAD_KEYS_MAX;
    case _SC_THREAD_DESTRUCTOR_ITERATIONS:
        return PTHREAD_DESTRUCTOR_ITERATIONS;
    case _SC_THREAD_STACK_MIN:
        return THREAD_STACK_MIN_BYTES;
    case _SC_VERSION:
        return _POSIX_VERSION;
    case _SC_THREADS:
    case _SC_TIMERS:
    case _SC_MONOTONIC_CLOCK:
    case _SC_BARRIERS:
    case _SC_READER_WRITER_LOCKS:
    case _SC_SPIN_LOCKS:
    case _SC_THREAD_SAFE_FUNCTIONS:
    case _SC_FSYNC:
        return 200809L;
    case _SC_JOB_CONTROL:
    case _SC_SAVED_IDS:
    case _SC_THREAD_THREADS_MAX:
    case _SC_ATEXIT_MAX:
        return -1; /* not there, or no limit: errno stays */
    default:
        errno = EINVAL;
        return -1;
    }
}

static long path_limit(int name)
{
    switch (name) {
    case _PC_LINK_MAX:
        return LINK_MAX;
    case _PC_NAME_MAX:
        return NAME_MAX;
    case _PC_PATH_MAX:
        return PATH_MAX;
    case _PC_PIPE_BUF:
        return PIPE_BUF;
    case _PC_NO_TRUNC:
    case _PC_CHOWN_RESTRICTED:
        return 1;
    default:
        return errno_result(-EINVAL);
    }
}

long pathconf(const char *path, int name)
{
    struct stat status;
    return stat(path, &status) < 0 ? -1 : path_limit(name);
}

long fpathconf(int fd, int name)
{
    struct stat status;
    return fstat(fd, &status) < 0 ? -1 : path_limit(name);
}

int getpagesize(void)
{
    return PAGE_BYTES;
}

int getdtablesize(void)
{
    return fd_limit();
}

int getrlimit(int resource, struct rlimit *limit)
{
    if (resource < 0 || resource >= RLIM_NLIMITS)
        return (int)errno_result(-EINVAL);
    *limit = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    if (resource == RLIMIT_NOFILE)
        *limit = (struct rlimit){(rlim_t)fd_limit(), FD_MAX};
    else if (resource == RLIMIT_CORE)
        *limit = (struct rlimit){0, 0};
    else if (resource == RLIMIT_AS || resource == RLIMIT_DATA)
        limit->rlim_cur = limit->rlim_max = (rlim_t)page_total() * PAGE_BYTES;
    else if (resource == RLIMIT_STACK)
        limit->rlim_cur = limit->rlim_max = THREAD_STACK_BYTES;
    return 0;
}

int setrlimit(int resource, const struct rlimit *limit)
{
    struct rlimit now = {0, 0};
    if (getrlimit(resource, &now) < 0)
        return -1;
    if (limit->rlim_cur > limit->rlim_max)
        return (int)errno_result(-EINVAL);
    if (resource != RLIMIT_NOFILE)
        return (int)errno_result(limit->rlim_cur == now.rlim_cur ? 0 : -EPERM);
    if (limit->rlim_cur > FD_MAX)
        return (int)errno_result(-EPERM);
    fd_limit_set((int)limit->rlim_cur);
    return 0;
}

int getrusage(int who, struct rusage *usage)
{
    if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN)
        return (int)errno_result(-EINVAL);
    *usage = (struct rusage){0};
    if (who == RUSAGE_CHILDREN)
        return 0;
    clock_t used = clock();
    usage->ru_utime.tv_sec = (time_t)(used / CLOCKS_PER_SEC);
    usage->ru_utime.tv_usec = (suseconds_t)(used % CLOCKS_PER_SEC);
    usage->ru_maxrss = (long)(page_in_use_peak() * (PAGE_BYTES / 1024));
    return 0;
}
