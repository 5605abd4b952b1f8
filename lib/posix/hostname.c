/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's name (the environment's HOSTNAME until sethostname, else "coracle") and uname. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "file.h"

static char own_name[HOST_NAME_MAX + 1];

static const char *host_name(void)
{
    const char *name = own_name[0] ? own_name : getenv("HOSTNAME");
    return name && name[0] ? name : "coracle";
}

int gethostname(char *name, size_t bytes)
{
    const char *own = host_name();
    if (bytes <= strlen(own))
        return (int)errno_result(-ENAMETOOLONG);
    strcpy(name, own);
    return 0;
}

int sethostname(const char *name, size_t bytes)
{
    if (bytes > HOST_NAME_MAX)
        return (int)errno_result(-EINVAL);
    memcpy(own_name, name, bytes);
    own_name[bytes] = '\0';
    return 0;
}

int uname(struct utsname *name)
{
    memset(name, 0, sizeof *name);
    strcpy(name->sysname, "Coracle");
    strlcpy(name->nodename, host_name(), sizeof name->nodename);
    strcpy(name->release, "1.0");
    strcpy(name->version, "1");
    strcpy(name->machine, "x86_64");
    return 0;
}
