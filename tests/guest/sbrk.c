/* SPDX-License-Identifier: BSD-2-Clause */
/* sbrk by hand: grows, keeps contents, shrinks, beside malloc. */
#include <unistd.h>

#include "check.h"

int main(void)
{
    char *before = sbrk(10000);
    CHECK(before != (void *)-1 && sbrk(0) == before + 10000);
    memset(before, 1, 10000);
    void *block = malloc(50000);
    CHECK(block);
    char *after = sbrk(5000);
    CHECK(after != (void *)-1 && (after < (char *)block || after >= (char *)block + 50000));
    memset(after, 2, 5000);
    memset(block, 3, 50000);
    for (int i = 0; i < 10000; i++)
        CHECK(before[i] == 1);
    for (int i = 0; i < 5000; i++)
        CHECK(after[i] == 2);
    CHECK(sbrk(-5000) == after + 5000 && sbrk(0) == after);
    free(block);
    CHECK_FAILS(sbrk(-((ptrdiff_t)1 << 40)), EINVAL);
    puts("ok");
    return 0;
}
