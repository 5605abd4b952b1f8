/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --env A=B --env EMPTY= --env "SPACES=a  b" -- first "second word" "" last */
/* argv and environ, and changing both. */
#include <unistd.h>

#include "check.h"

int main(int argc, char **argv)
{
    CHECK(argc == 5 && argv[0] && argv[0][0] && !argv[5]);
    CHECK(strcmp(argv[1], "first") == 0 && strcmp(argv[2], "second word") == 0);
    CHECK(argv[3][0] == '\0' && strcmp(argv[4], "last") == 0);
    argv[1][0] = 'F';
    CHECK(strcmp(argv[1], "First") == 0);

    CHECK(strcmp(getenv("A"), "B") == 0 && strcmp(getenv("EMPTY"), "") == 0);
    CHECK(strcmp(getenv("SPACES"), "a  b") == 0 && !getenv("NOT_THERE"));
    int count = 0;
    while (environ[count])
        count++;
    CHECK(count == 3);
    CHECK(setenv("A", "a much longer value than before", 0) == 0 && strcmp(getenv("A"), "B") == 0);
    CHECK(setenv("A", "a much longer value than before", 1) == 0);
    CHECK(strcmp(getenv("A"), "a much longer value than before") == 0);
    CHECK(setenv("NEW", "1", 1) == 0 && strcmp(getenv("NEW"), "1") == 0);
    CHECK(unsetenv("EMPTY") == 0 && !getenv("EMPTY"));
    static char put[] = "PUT=x";
    CHECK(putenv(put) == 0 && strcmp(getenv("PUT"), "x") == 0);
    puts("ok");
    return 0;
}
