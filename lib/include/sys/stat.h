/* SPDX-License-Identifier: BSD-2-Clause */
/* newlib's <sys/stat.h> and what it hides or lacks here. */
#ifndef _CORACLE_SYS_STAT_H
#define _CORACLE_SYS_STAT_H

#include_next <sys/stat.h>

/* tv_nsec values for utimensat and futimens: the time now, and no change. */
#define UTIME_NOW (-2L)
#define UTIME_OMIT (-1L)

__BEGIN_DECLS

int lstat(const char *__restrict path, struct stat *__restrict status);

__END_DECLS

#endif
