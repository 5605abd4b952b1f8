/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dynamic linking (POSIX.1-2024, <dlfcn.h>): an image is complete when it is built, so dlopen finds
 * nothing and dlerror says so. Programs with optional plug-ins build and run without them.
 */
#ifndef _DLFCN_H
#define _DLFCN_H

#include <sys/cdefs.h>

#define RTLD_LAZY 1
#define RTLD_NOW 2
#define RTLD_GLOBAL 4
#define RTLD_LOCAL 0
#define RTLD_DEFAULT ((void *)0)
#define RTLD_NEXT ((void *)-1)

__BEGIN_DECLS

void *dlopen(const char *file, int mode);     /* NULL */
void *dlsym(void *library, const char *name); /* NULL */
int dlclose(void *library);                   /* -1 */
char *dlerror(void); /* what the calling thread's last call complained of, once; else NULL */

__END_DECLS

#endif
