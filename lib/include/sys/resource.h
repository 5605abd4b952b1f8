/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resource limits and usage (POSIX.1-2024, <sys/resource.h>). RLIMIT_NOFILE can be lowered and
 * raised up to OPEN_MAX and is obeyed; the others are reported and cannot be changed.
 */
#ifndef _SYS_RESOURCE_H_
#define _SYS_RESOURCE_H_

#include <stdint.h>
#include <sys/cdefs.h>
#include <sys/time.h>
#include <sys/types.h>

typedef uint64_t rlim_t;

#define RLIM_INFINITY UINT64_MAX
#define RLIM_SAVED_MAX RLIM_INFINITY
#define RLIM_SAVED_CUR RLIM_INFINITY

struct rlimit {
    rlim_t rlim_cur;
    rlim_t rlim_max;
};

#define RLIMIT_CPU 0
#define RLIMIT_FSIZE 1
#define RLIMIT_DATA 2
#define RLIMIT_STACK 3
#define RLIMIT_CORE 4
#define RLIMIT_NOFILE 7
#define RLIMIT_AS 9
#define RLIM_NLIMITS 10

#define RUSAGE_SELF 0
#define RUSAGE_CHILDREN (-1)

struct rusage {
    struct timeval ru_utime; /* time that the virtual CPU ran */
    struct timeval ru_stime; /* always 0: there is no kernel mode to tell apart */
    long ru_maxrss;          /* most memory in use so far, in KiB */
    long ru_ixrss;
    long ru_idrss;
    long ru_isrss;
    long ru_minflt;
    long ru_majflt;
    long ru_nswap;
    long ru_inblock;
    long ru_oublock;
    long ru_msgsnd;
    long ru_msgrcv;
    long ru_nsignals;
    long ru_nvcsw;
    long ru_nivcsw;
};

__BEGIN_DECLS

int getrlimit(int resource, struct rlimit *limit);
int setrlimit(int resource, const struct rlimit *limit);
int getrusage(int who, struct rusage *usage);

__END_DECLS

#endif
