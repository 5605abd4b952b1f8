/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --timeout 2 */
/* expect: status 124 */
/* expect-stdout: listening */
/*
 * Takes and gives megabytes over TCP port 9, one connection after the other: the peer says 'S' (it
 * sends), 'D' (the same, to be thrown away) or 'R' (it receives) and a length in eight bytes,
 * little-endian; then come the data, a known pattern. What the peer has sent with 'S' is checked;
 * the answer is its length. The end-to-end tests and measurements talk to it; alone it only shows that listening works without a device.
 */
#include "net_test.h"

#include <stdint.h>

#define PERIOD 65521u /* prime, so that no buffer's size is a multiple */
#define PIECE 65536u

static unsigned char pattern[PERIOD + PIECE];
static unsigned char data[PIECE];

static void give(int fd, uint64_t bytes)
{
    uint64_t at = 0;

    while (at < bytes) {
        size_t part = bytes - at < PIECE ? bytes - at : PIECE;
        ssize_t sent = write(fd, pattern + at % PERIOD, part);

        CHECK(sent > 0);
        at += (uint64_t)sent;
    }
}

static void take(int fd, uint64_t bytes, int check)
{
    uint64_t at = 0;
    ssize_t got;

    while (at < bytes && (got = read(fd, data, sizeof data)) > 0) {
        CHECK(!check || memcmp(data, pattern + at % PERIOD, (size_t)got) == 0);
        at += (uint64_t)got;
    }
    CHECK(write(fd, &at, sizeof at) == sizeof at);
}

int main(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(9)};
    int listening = socket(AF_INET, SOCK_STREAM, 0);

    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (unsigned char)(i % PERIOD * 2654435761u >> 13);
    CHECK(listening >= 0 && bind(listening, (struct sockaddr *)&any, sizeof any) == 0);
    CHECK(listen(listening, 8) == 0);
    puts("listening");
    for (;;) {
        int fd = accept(listening, NULL, NULL);
        char what;
        uint64_t bytes;

        CHECK(fd >= 0);
        if (recv(fd, &what, 1, 0) == 1 &&
            recv(fd, &bytes, sizeof bytes, MSG_WAITALL) == sizeof bytes) {
            if (what == 'R')
                give(fd, bytes);
            else
                take(fd, bytes, what == 'S');
        }
        close(fd);
    }
}
