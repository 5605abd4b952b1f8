/* SPDX-License-Identifier: BSD-2-Clause */
/* Printing takes no heap. */
#include <unistd.h>

#include "check.h"

int main(void)
{
    const void *heap = sbrk(0);

    puts("a line");
    printf("%d %s\n", 12, "words");
    CHECK(sbrk(0) == heap);
    puts("ok");
    return 0;
}
