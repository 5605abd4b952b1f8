/* SPDX-License-Identifier: BSD-2-Clause */
/* realpath: the absolute path without links, dots and doubled slashes; every component must exist.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "vfs.h"

char *realpath(const char *restrict path, char *restrict resolved)
{
    char *text = resolved != NULL ? resolved : malloc(PATH_MAX);
    ssize_t result = path == NULL ? -EINVAL : text == NULL ? -ENOMEM : 0;

    if (result == 0)
        result = vfs_realpath(path, text, PATH_MAX);
    if (result >= 0)
        return text;
    if (resolved == NULL)
        free(text);
    errno_result(result);
    return NULL;
}
