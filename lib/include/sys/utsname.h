/* SPDX-License-Identifier: BSD-2-Clause */
/* uname (POSIX.1-2024, <sys/utsname.h>). */
#ifndef _SYS_UTSNAME_H
#define _SYS_UTSNAME_H

#include <sys/cdefs.h>

struct utsname {
    char sysname[65];  /* "Coracle" */
    char nodename[65]; /* what gethostname gives */
    char release[65];
    char version[65];
    char machine[65]; /* "x86_64" */
};

__BEGIN_DECLS

int uname(struct utsname *name);

__END_DECLS

#endif
