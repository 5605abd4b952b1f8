/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --timeout 2 */
/* expect: status 124 */
/* expect-stdout: spinning */
/* Computes until the host ends it: a guest that never calls the host can be stopped all the
 * same. */
#include <stdio.h>

int main(void)
{
    puts("spinning");
    for (volatile unsigned long rounds = 0;; rounds++)
        ;
}
