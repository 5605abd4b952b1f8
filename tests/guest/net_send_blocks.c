/* SPDX-License-Identifier: BSD-2-Clause */
/* A write that fills the send buffer again and again goes on with every piece that is acknowledged,
 * however small the buffer and large the pieces. */
#include "net_test.h"

#include <pthread.h>

#define BULK (1000 * 1000)

static unsigned char data[BULK];

static void *send_bulk(void *argument)
{
    int fd = *(int *)argument;
    CHECK(write(fd, data, BULK) == BULK);
    CHECK(shutdown(fd, SHUT_WR) == 0);
    return NULL;
}

/* The reader sleeps before each piece, so that the buffer is full when it comes. */
static void drain(int send_buffer, size_t piece)
{
    static unsigned char received[65536];
    size_t total = 0;
    ssize_t count;
    pthread_t sender;
    int ends[2];

    pair4(ends);
    CHECK(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer) == 0);
    CHECK(pthread_create(&sender, NULL, send_bulk, &ends[0]) == 0);
    while ((count = read(ends[1], received, piece)) > 0) {
        total += (size_t)count;
        usleep(500);
    }
    CHECK(count == 0 && total == BULK);
    CHECK(pthread_join(sender, NULL) == 0);
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
}

int main(void)
{
    drain(4096, 4096);
    drain(4096, 65536);
    drain(128 * 1024, 65536);
    puts("ok");
    return 0;
}
