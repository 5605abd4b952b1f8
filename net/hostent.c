/* SPDX-License-Identifier: BSD-2-Clause */
/* gethostbyname, the old interface to names; its result belongs to the calling thread. */
#include <netdb.h>
#include <string.h>

#include "resolve.h"

#define NAME_BYTES 256

static __thread int last_error;

int *__h_errno(void)
{
    return &last_error;
}

static int h_error(int eai)
{
    switch (eai) {
    case EAI_AGAIN:
        return TRY_AGAIN;
    case EAI_FAIL:
    case EAI_MEMORY:
        return NO_RECOVERY;
    case EAI_FAMILY:
        return NO_DATA;
    default:
        return HOST_NOT_FOUND;
    }
}

struct hostent *gethostbyname2(const char *name, int family)
{
    static __thread struct resolved resolved;
    static __thread char text[NAME_BYTES];
    static __thread char *addresses[5], *none[1];
    static __thread struct hostent result;

    int error = strlen(name) < NAME_BYTES ? resolve(name, family, false, &resolved) : EAI_NONAME;
    if (error) {
        last_error = h_error(error);
        return NULL;
    }
    strcpy(text, name);
    for (unsigned i = 0; i < resolved.count; i++)
        addresses[i] = (char *)resolved.addresses[i].bytes;
    addresses[resolved.count] = NULL;
    result = (struct hostent){text, none, family, family == AF_INET ? 4 : 16, addresses};
    return &result;
}

struct hostent *gethostbyname(const char *name)
{
    return gethostbyname2(name, AF_INET);
}

const char *hstrerror(int code)
{
    switch (code) {
    case HOST_NOT_FOUND:
        return "Unknown host";
    case TRY_AGAIN:
        return "Host name lookup failure";
    case NO_RECOVERY:
        return "Unknown server error";
    case NO_DATA:
        return "No address associated with name";
    default:
        return "Resolver error";
    }
}
