/* SPDX-License-Identifier: BSD-2-Clause */
/* run: -- name.invalid */
/* A name that cannot be resolved gives an error, not a hang: without a network at once, with one
 * when the server says so or does not answer. */
#include <netdb.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct addrinfo *found;

    if (argc != 2 || getaddrinfo(argv[1], "80", NULL, &found) == 0)
        return 1;
    puts("ok");
    return 0;
}
