/* SPDX-License-Identifier: BSD-2-Clause */
/* run: -- localhost 9 */
/* expect: status 3 */
/* expect-stderr: ^localhost: */
/* Fetches / from HOST PORT over TCP and prints what comes. HOST is a name or an address. Until the
 * network is up it cannot be resolved or reached, so that is tried for a while. Status 2: no such
 * name, 3: nobody answers there (which is what the runner asks for). */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRIES 60

/* A connected socket, or -2 when the name cannot be resolved, -3 when no address of it answers. */
static int reach(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all;
    int peer = -3;

    if (getaddrinfo(host, port, &hints, &all) != 0)
        return -2;
    for (struct addrinfo *at = all; at != NULL && peer < 0; at = at->ai_next) {
        peer = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
        if (peer >= 0 && connect(peer, at->ai_addr, at->ai_addrlen) != 0) {
            int error = errno;
            close(peer);
            errno = error;
            peer = -3;
        }
    }
    freeaddrinfo(all);
    return peer;
}

int main(int argc, char **argv)
{
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    char buffer[1000];
    ssize_t count;
    int peer = -1;

    if (argc != 3)
        return 1;
    for (int tries = 0; tries < TRIES; tries++) {
        peer = reach(argv[1], argv[2]);
        if (peer >= 0 || (peer == -3 && errno != ENETUNREACH && errno != EHOSTUNREACH))
            break;
        sleep(1);
    }
    if (peer < 0) {
        perror(argv[1]);
        return -peer;
    }
    write(peer, request, strlen(request));
    while ((count = read(peer, buffer, sizeof(buffer))) > 0)
        fwrite(buffer, 1, (size_t)count, stdout);
    close(peer);
    return count == 0 ? 0 : 4;
}
