/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes a console with three channels apart; see launch_split.h. */
#include "launch_split.h"

#include <string.h>

size_t launch_split_next(struct launch_split *split, const char *bytes, size_t count,
                         const char **run, size_t *run_count)
{
    const char *escape;

    *run = bytes;
    *run_count = 0;
    if (count == 0)
        return 0;
    if (split->escaped) {
        split->escaped = false;
        if (*bytes == LAUNCH_SPLIT_ESCAPE)
            *run_count = 1;
        else if (*bytes >= 1 && *bytes <= 3)
            split->channel = (unsigned)*bytes - 1;
        else if (*bytes == LAUNCH_SPLIT_ASK)
            split->asked++;
        return 1;
    }
    escape = memchr(bytes, LAUNCH_SPLIT_ESCAPE, count);
    *run_count = escape ? (size_t)(escape - bytes) : count;
    split->escaped = escape != NULL;
    return *run_count + (escape != NULL);
}
