/* SPDX-License-Identifier: BSD-2-Clause */
/* The file mode creation mask, as the functions that create files apply it (posix/process.c). */
#ifndef INTERNAL_PROCESS_H
#define INTERNAL_PROCESS_H

#include <sys/types.h>

mode_t mode_masked(mode_t mode);

#endif
