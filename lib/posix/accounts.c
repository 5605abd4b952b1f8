/* SPDX-License-Identifier: BSD-2-Clause */
/* The one user and the one group: root, number 0. Nobody writes into what these functions return.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

static char root[] = "root", nothing[] = "", home[] = "/";
static char *members[] = {NULL};
static struct passwd user = {root, nothing, 0, 0, nothing, root, home, nothing};
static struct group group = {root, nothing, 0, members};

struct passwd *getpwuid(uid_t id)
{
    return id == 0 ? &user : NULL;
}

struct passwd *getpwnam(const char *name)
{
    return strcmp(name, root) == 0 ? &user : NULL;
}

struct group *getgrgid(gid_t id)
{
    return id == 0 ? &group : NULL;
}

struct group *getgrnam(const char *name)
{
    return strcmp(name, root) == 0 ? &group : NULL;
}

int getpwuid_r(uid_t id, struct passwd *entry, char *buffer, size_t bytes, struct passwd **result)
{
    (void)buffer, (void)bytes;
    *result = id == 0 ? entry : NULL;
    if (*result)
        *entry = user;
    return 0;
}

int getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t bytes,
               struct passwd **result)
{
    return getpwuid_r(strcmp(name, root) == 0 ? 0 : 1, entry, buffer, bytes, result);
}

int initgroups(const char *name, gid_t base)
{
    (void)name;
    if (base == 0)
        return 0;
    errno = EPERM;
    return -1;
}

int setgroups(int count, const gid_t *groups)
{
    if (count == 0 || (count == 1 && groups[0] == 0))
        return 0;
    errno = EPERM;
    return -1;
}
