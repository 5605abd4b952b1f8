/* SPDX-License-Identifier: BSD-2-Clause */
/* posix_memalign, over newlib's memalign. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

int posix_memalign(void **memory, size_t alignment, size_t bytes)
{
    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0)
        return EINVAL;
    int before = errno;
    void *result = memalign(alignment, bytes);
    errno = before;
    if (!result)
        return ENOMEM;
    *memory = result;
    return 0;
}
