/* SPDX-License-Identifier: BSD-2-Clause */
/* expect-stdout: \Afirst\n\nx{300}\na b\nlast of stdio's\nok\n\Z */
/* puts before anything else of stdio: in order with what follows, lines of any length, a stream of bytes
 * afterwards, and an error where nobody reads it. */
#include <stdio_ext.h>
#include <unistd.h>
#include <wchar.h>

#include "check.h"

int main(void)
{
    int console = dup(STDOUT_FILENO);
    char text[301];

    CHECK(puts("first") >= 0 && puts("") >= 0);
    CHECK(close(STDOUT_FILENO) == 0);
    puts("nobody reads this");
    CHECK(fflush(stdout) == EOF && errno == EBADF && ferror(stdout));
    __fpurge(stdout);
    clearerr(stdout);
    CHECK(fwide(stdout, 1) < 0);
    CHECK(dup2(console, STDOUT_FILENO) == STDOUT_FILENO);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    CHECK(puts(text) >= 0);
    printf("a ");
    CHECK(puts("b") >= 0);
    CHECK(setvbuf(stdout, NULL, _IOFBF, 4096) == 0);
    puts("last of stdio's");
    puts("ok");
    return 0;
}
