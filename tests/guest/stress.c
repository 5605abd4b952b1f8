/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --mem 24M */
/* Everything at once, for a bounded number of rounds: threads that come and go, timers, the heap,
 * files, pipes, sockets, epoll with descriptors that others close. Nothing hangs, no byte is lost
 * or changed, and no descriptor is left open. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "net_test.h"

#define WORKERS 10
#define ROUNDS 300

static unsigned listen_port;
static int listener;
static volatile int serving = 1;

struct random {
    unsigned state;
};

static unsigned next(struct random *random)
{
    random->state = random->state * 1664525u + 1013904223u;
    return random->state >> 8;
}

static void fill(unsigned char *data, size_t bytes, unsigned seed)
{
    for (size_t i = 0; i < bytes; i++)
        data[i] = (unsigned char)((seed + i) * 2654435761u >> 13);
}

static void do_heap(struct random *random)
{
    unsigned char *blocks[16];
    size_t sizes[16];
    for (int i = 0; i < 16; i++) {
        sizes[i] = 1 + next(random) % 9000;
        blocks[i] = malloc(sizes[i]);
        CHECK(blocks[i]);
        memset(blocks[i], i, sizes[i]);
    }
    for (int i = 0; i < 16; i++) {
        CHECK(blocks[i][0] == i && blocks[i][sizes[i] - 1] == i);
        free(blocks[i]);
    }
}

static void do_file(struct random *random)
{
    unsigned char data[3000], back[3000];
    char path[32], other[40];
    unsigned seed = next(random);
    size_t bytes = 1 + seed % sizeof data;
    off_t at = (off_t)(next(random) % 20000);
    snprintf(path, sizeof path, "/tmp/%lx", (unsigned long)pthread_self());
    snprintf(other, sizeof other, "%s.x", path);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0);
    fill(data, bytes, seed);
    CHECK(pwrite(fd, data, bytes, at) == (ssize_t)bytes);
    CHECK(rename(path, other) == 0);
    CHECK(pread(fd, back, bytes, at) == (ssize_t)bytes && !memcmp(data, back, bytes));
    struct stat status;
    CHECK(fstat(fd, &status) == 0 && status.st_size == at + (off_t)bytes);
    CHECK(unlink(other) == 0 && close(fd) == 0);
}

struct stream {
    int fd;
    unsigned seed;
    size_t bytes;
};

static void *write_stream(void *argument)
{
    const struct stream *stream = argument;
    unsigned char *data = malloc(stream->bytes);
    CHECK(data);
    fill(data, stream->bytes, stream->seed);
    for (size_t done = 0; done < stream->bytes;) {
        ssize_t count = write(stream->fd, data + done, stream->bytes - done);
        CHECK(count > 0);
        done += (size_t)count;
    }
    free(data);
    CHECK(close(stream->fd) == 0);
    return NULL;
}

/* Reads to the end with poll before each piece. */
static void read_stream(int fd, const struct stream *stream, struct random *random)
{
    unsigned char *data = malloc(stream->bytes), piece[5000];
    size_t total = 0;
    ssize_t count;
    CHECK(data);
    fill(data, stream->bytes, stream->seed);
    do {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (next(random) % 2)
            CHECK(poll(&ready, 1, -1) == 1);
        count = read(fd, piece, 1 + next(random) % sizeof piece);
        CHECK(count >= 0 && total + (size_t)count <= stream->bytes);
        CHECK(!memcmp(data + total, piece, (size_t)count));
        total += (size_t)count;
    } while (count > 0);
    CHECK(total == stream->bytes);
    free(data);
    CHECK(close(fd) == 0);
}

static void do_pipe(struct random *random)
{
    struct stream stream = {.seed = next(random), .bytes = 1 + next(random) % 60000};
    pthread_t writer;
    int ends[2];
    CHECK(pipe(ends) == 0);
    stream.fd = ends[1];
    CHECK(pthread_create(&writer, NULL, write_stream, &stream) == 0);
    read_stream(ends[0], &stream, random);
    CHECK(pthread_join(writer, NULL) == 0);
}

/* The server sends back what it is sent. */
static void do_socket(struct random *random)
{
    struct stream stream = {.seed = next(random), .bytes = 1 + next(random) % 60000};
    pthread_t writer;
    int fd = connect4(listen_port), limit = 2048 << next(random) % 8;
    CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &limit, sizeof limit) == 0);
    stream.fd = dup(fd);
    CHECK(stream.fd >= 0);
    CHECK(pthread_create(&writer, NULL, write_stream, &stream) == 0);
    unsigned char *back = malloc(stream.bytes), *data = malloc(stream.bytes);
    CHECK(back && data);
    fill(data, stream.bytes, stream.seed);
    CHECK(recv(fd, back, stream.bytes, MSG_WAITALL) == (ssize_t)stream.bytes);
    CHECK(!memcmp(back, data, stream.bytes));
    CHECK(pthread_join(writer, NULL) == 0);
    free(back);
    free(data);
    CHECK(close(fd) == 0);
}

static void *post(void *argument)
{
    usleep(*(int *)argument % 300);
    CHECK(eventfd_write(*(int *)argument, 1) == 0);
    return NULL;
}

/* An epoll instance whose descriptors become ready, are closed and come back under it. */
static void do_epoll(struct random *random)
{
    int epoll_fd = epoll_create1(0), fds[4];
    pthread_t threads[4];
    uint64_t value;
    CHECK(epoll_fd >= 0);
    for (int i = 0; i < 4; i++) {
        struct epoll_event event = {.events = EPOLLIN | (next(random) % 2 ? (unsigned)EPOLLET : 0)};
        int gone = eventfd(1, 0);
        CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, gone, &event) == 0 && close(gone) == 0);
        fds[i] = eventfd(0, EFD_NONBLOCK);
        event.data.fd = fds[i];
        CHECK(fds[i] >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[i], &event) == 0);
    }
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, post, &fds[i]) == 0);
    for (int left = 4; left > 0;) {
        struct epoll_event events[2];
        int count = epoll_wait(epoll_fd, events, 2, -1);
        CHECK(count > 0);
        for (int i = 0; i < count; i++)
            left -= eventfd_read(events[i].data.fd, &value) == 0;
    }
    for (int i = 0; i < 4; i++)
        CHECK(pthread_join(threads[i], NULL) == 0 && close(fds[i]) == 0);
    CHECK(close(epoll_fd) == 0);
}

static void do_time(struct random *random)
{
    struct timespec deadline;
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
    CHECK(clock_gettime(CLOCK_REALTIME, &deadline) == 0);
    deadline.tv_nsec += (long)(next(random) % 500000);
    deadline.tv_sec += deadline.tv_nsec / 1000000000;
    deadline.tv_nsec %= 1000000000;
    CHECK(pthread_mutex_lock(&mutex) == 0);
    if (next(random) % 2)
        CHECK(pthread_cond_broadcast(&cond) == 0);
    int result = pthread_cond_timedwait(&cond, &mutex, &deadline);
    CHECK(result == 0 || result == ETIMEDOUT);
    CHECK(pthread_mutex_unlock(&mutex) == 0);
}

static void *work(void *argument)
{
    static void (*const all[])(struct random *) = {do_heap,   do_file,  do_pipe,
                                                   do_socket, do_epoll, do_time};
    struct random random = {(unsigned)(size_t)argument};
    for (int i = 0; i < ROUNDS; i++)
        all[next(&random) % (sizeof all / sizeof all[0])](&random);
    return NULL;
}

static void *echo(void *argument)
{
    int fd = (int)(size_t)argument;
    char data[4096];
    ssize_t count;
    while ((count = read(fd, data, sizeof data)) > 0)
        CHECK(write(fd, data, (size_t)count) == count);
    CHECK(close(fd) == 0);
    return NULL;
}

static void *serve(void *argument)
{
    (void)argument;
    for (;;) {
        pthread_attr_t detached;
        pthread_t thread;
        int fd = accept(listener, NULL, NULL);
        CHECK(fd >= 0);
        if (!serving) {
            CHECK(close(fd) == 0);
            return NULL;
        }
        CHECK(pthread_attr_init(&detached) == 0);
        CHECK(pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED) == 0);
        CHECK(pthread_create(&thread, &detached, echo, (void *)(size_t)fd) == 0);
    }
}

int main(int argc, char **argv)
{
    pthread_t workers[WORKERS], server;
    size_t seed = argc > 1 ? strtoul(argv[1], NULL, 10) : 1; /* another run: another argument */
    listener = listen4(&listen_port, 64);
    CHECK(pthread_create(&server, NULL, serve, NULL) == 0);
    for (size_t i = 0; i < WORKERS; i++)
        CHECK(pthread_create(&workers[i], NULL, work, (void *)(seed + i)) == 0);
    for (int i = 0; i < WORKERS; i++)
        CHECK(pthread_join(workers[i], NULL) == 0);
    serving = 0;
    int last = connect4(listen_port);
    CHECK(pthread_join(server, NULL) == 0);
    CHECK(close(last) == 0 && close(listener) == 0);
    /* Echo threads close theirs a moment later. */
    for (int free_fd = -1; free_fd != 3; usleep(1000)) {
        free_fd = dup(1);
        CHECK(free_fd >= 3 && close(free_fd) == 0);
    }
    puts("ok");
    return 0;
}
