/* SPDX-License-Identifier: BSD-2-Clause */
/* dlopen and its relatives, which always fail. */
#include <dlfcn.h>
#include <stddef.h>

static _Thread_local char *error;

static void fail(void)
{
    static char message[] = "a Coracle image cannot load libraries";
    error = message;
}

void *dlopen(const char *file, int mode)
{
    (void)file, (void)mode;
    fail();
    return NULL;
}

void *dlsym(void *library, const char *name)
{
    (void)library, (void)name;
    fail();
    return NULL;
}

int dlclose(void *library)
{
    (void)library;
    fail();
    return -1;
}

char *dlerror(void)
{
    char *answer = error;
    error = NULL;
    return answer;
}
