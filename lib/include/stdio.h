/* SPDX-License-Identifier: BSD-2-Clause */
/* newlib's <stdio.h> with POSIX's getline and getdelim, which it has under other names only. */
#ifndef _CORACLE_STDIO_H
#define _CORACLE_STDIO_H

#include_next <stdio.h>

#include <sys/types.h>

__BEGIN_DECLS

ssize_t getline(char **__restrict line, size_t *__restrict bytes, FILE *__restrict file);
ssize_t getdelim(char **__restrict line, size_t *__restrict bytes, int delimiter,
                 FILE *__restrict file);

__END_DECLS

#endif
