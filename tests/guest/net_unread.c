/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --mem 3M */
/* Connections whose data nobody reads fill what memory they may have; others still work. */
#include "net_test.h"

#include <fcntl.h>

#define HOARDERS 40

int main(void)
{
    static int hoarders[HOARDERS][2];
    static char data[20000];
    size_t hoarded = 0;

    for (int i = 0; i < HOARDERS; i++) {
        pair4(hoarders[i]);
        CHECK(fcntl(hoarders[i][0], F_SETFL, O_NONBLOCK) == 0);
    }
    for (int round = 0; round < 200; round++)
        for (int i = 0; i < HOARDERS; i++) {
            ssize_t count = write(hoarders[i][0], data, sizeof data);
            CHECK(count > 0 || errno == EAGAIN);
            hoarded += count > 0 ? (size_t)count : 0;
        }
    CHECK(hoarded > 100000 && hoarded < 2 * 1024 * 1024);

    for (int i = 0; i < 20; i++) {
        int ends[2];
        char text[5];
        pair4(ends);
        CHECK(write(ends[0], "still", 5) == 5);
        CHECK(recv(ends[1], text, 5, MSG_WAITALL) == 5 && memcmp(text, "still", 5) == 0);
        CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
    }

    /* What was taken is all there. */
    size_t found = 0;
    for (int i = 0; i < HOARDERS; i++) {
        CHECK(shutdown(hoarders[i][0], SHUT_WR) == 0);
        for (ssize_t count; (count = read(hoarders[i][1], data, sizeof data)) != 0;) {
            CHECK(count > 0);
            found += (size_t)count;
        }
        CHECK(close(hoarders[i][0]) == 0 && close(hoarders[i][1]) == 0);
    }
    CHECK(found == hoarded);
    puts("ok");
    return 0;
}
