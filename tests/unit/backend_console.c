/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: monitor/console_in.c monitor/backend.c monitor/vring.c monitor/iov.c monitor/loop.c */
/* sources: monitor/memory.c monitor/json.c monitor/say.c */
/* sources: tests/unit/backend/fake_guest.c tests/unit/backend/guest_thread.c */
/* libs: -pthread */
/* Standard input as a device: pipes, files, devices, terminals, its end, and whose input it is. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/guest_thread.h"
#include "backends.h"

#define BUFFER 16384u

static struct guest_thread vm;
static int saved_stdin;

/* `fd` (consumed; -1: none at all) becomes standard input of a new device. */
static void start(int fd)
{
    struct device *device;

    saved_stdin = dup(STDIN_FILENO);
    close(STDIN_FILENO);
    if (fd >= 0) {
        assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
        close(fd);
    }
    assert_int_equal(console_in_open(&device), 0);
    guest_thread_start(&vm, device, device->features);
}

static void finish(void)
{
    guest_thread_destroy(&vm);
    dup2(saved_stdin, STDIN_FILENO);
    close(saved_stdin);
}

static void post(uint32_t bytes)
{
    const struct fake_segment segment = {BUFFER, bytes, true};

    guest_post_and_ring(&vm, 0, &segment, 1);
}

static void expect(const char *text)
{
    uint16_t head;
    uint32_t used;

    assert_true(guest_wait(&vm, 0, &head, &used, 5000));
    assert_int_equal(used, strlen(text));
    assert_memory_equal(guest_ram(&vm.guest, BUFFER), text, used);
}

static void expect_nothing(void)
{
    uint16_t head;
    uint32_t used;

    assert_false(guest_wait(&vm, 0, &head, &used, 50));
}

static void test_pipe(void **state)
{
    char rest[8] = "";
    int ends[2], outer;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    outer = dup(ends[0]);
    start(ends[0]);
    post(100);
    expect_nothing();
    assert_int_equal(write(ends[1], "hello\n", 6), 6);
    expect("hello\n");
    /* Without a buffer nothing is taken, and no more than fits. */
    assert_int_equal(write(ends[1], "abcdef", 6), 6);
    expect_nothing();
    post(4);
    expect("abcd");
    expect_nothing();
    assert_int_equal(read(outer, rest, sizeof(rest)), 2);
    assert_string_equal(rest, "ef");
    assert_int_equal(fcntl(outer, F_GETFL) & O_NONBLOCK, 0); /* the description is as it was */
    close(ends[1]);
    for (int i = 0; i < 3; i++) {
        post(10);
        expect("");
    }
    close(outer);
    finish();
}

static void test_file(void **state)
{
    char name[] = "/tmp/backend_console.XXXXXX", rest[8] = "";
    int fd = mkstemp(name), outer;

    (void)state;
    assert_int_equal(write(fd, "onetwothree", 11), 11);
    lseek(fd, 3, SEEK_SET); /* someone has read a part before */
    outer = dup(fd);
    start(fd);
    post(3);
    expect("two");
    expect_nothing();
    assert_int_equal(read(outer, rest, 2), 2); /* the position is shared */
    assert_string_equal(rest, "th");
    post(10);
    expect("ree");
    post(10);
    expect("");
    unlink(name);
    close(outer);
    finish();
}

static void test_null_and_none(void **state)
{
    (void)state;
    start(open("/dev/null", O_RDONLY));
    post(10);
    expect("");
    finish();
    start(-1);
    post(10);
    expect("");
    finish();
}

static void test_terminal(void **state)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);

    (void)state;
    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    start(open(ptsname(master), O_RDWR | O_NOCTTY));
    post(100);
    expect_nothing();
    assert_int_equal(write(master, "line\n", 5), 5);
    expect("line\n");
    assert_int_equal(write(master, "\x04", 1), 1); /* Ctrl-D ends the input, and more may follow */
    post(100);
    expect("");
    post(100);
    assert_int_equal(write(master, "more\n", 5), 5);
    expect("more\n");
    finish();
    close(master);
}

static void test_socket(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    start(ends[0]);
    post(100);
    expect_nothing();
    assert_int_equal(write(ends[1], "x", 1), 1);
    expect("x");
    post(100);
    expect_nothing();
    finish(); /* would hang if the loop's thread were waiting in read */
    close(ends[1]);
}

static void test_end_of_a_socket(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    start(ends[0]);
    post(100);
    close(ends[1]);
    expect("");
    finish();
}

static void test_input_that_nobody_wants(void **state)
{
    struct timespec before, after;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    start(ends[0]);
    post(1);
    expect("a");
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    assert_in_range((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec, 0,
                    50000000);
    finish();
    close(ends[1]);
}

static void test_buffer_without_room(void **state)
{
    const struct fake_segment readable = {BUFFER, 10, false};

    (void)state;
    start(open("/dev/zero", O_RDONLY));
    guest_post_and_ring(&vm, 0, &readable, 1);
    assert_true(guest_wait_failed(&vm));
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipe),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_null_and_none),
        cmocka_unit_test(test_terminal),
        cmocka_unit_test(test_socket),
        cmocka_unit_test(test_end_of_a_socket),
        cmocka_unit_test(test_input_that_nobody_wants),
        cmocka_unit_test(test_buffer_without_room),
    };

    alarm(60); /* a read that blocks shall not hang the tests */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
