/* SPDX-License-Identifier: BSD-2-Clause */
/* utime (POSIX.1-2017, <utime.h>): times of access and change, in seconds. */
#ifndef _SYS_UTIME_H
#define _SYS_UTIME_H

#include <sys/cdefs.h>
#include <sys/types.h>

struct utimbuf {
    time_t actime;
    time_t modtime;
};

__BEGIN_DECLS

int utime(const char *path, const struct utimbuf *times);

__END_DECLS

#endif
