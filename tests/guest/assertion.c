/* SPDX-License-Identifier: BSD-2-Clause */
/* expect: status 134 */
/* expect-stdout: \A\Z */
/* expect-stderr: assertion\.c:\d+: main: assertion failed: argc == 99 */
/* A failed assertion names its place and ends the program as crashed. */
#include <assert.h>

int main(int argc, char **argv)
{
    (void)argv;
    assert(argc > 0);
    assert(argc == 99);
    return 0;
}
