/* SPDX-License-Identifier: BSD-2-Clause */
/* expect: status 1 */
/* expect-stderr: the write went through */
/* Expects that writing to standard output fails: the end-to-end tests close it or fill its disk.
 * The runner gives it a good one, where it must notice that too. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    if (write(1, "x", 1) == -1)
        return 0;
    fputs("the write went through\n", stderr);
    return 1;
}
