/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: monitor/launch_guard.c */
/*
 * The process that outlives the launcher: when it destroys the domain, and when it does not yet. The test
 * is the launcher, and has the end of the pipe that the domain's maker would have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/launch_guard.h"

#define PATIENCE_MS 60000
#define MOMENT_MS 500 /* in which something does not happen that would take a few */

/* "xl destroy": writes a byte into a fifo. */
static struct {
    char folder[32], fifo[64], command[96];
    int said;
} tool;
static char shell[] = "sh", option[] = "-c";
static char *const destroy[] = {shell, option, tool.command, NULL};

static int tool_make(void **state)
{
    (void)state;
    snprintf(tool.folder, sizeof tool.folder, "/tmp/guard.XXXXXX");
    if (!mkdtemp(tool.folder))
        return -1;
    snprintf(tool.fifo, sizeof tool.fifo, "%s/fifo", tool.folder);
    snprintf(tool.command, sizeof tool.command, "echo >%s", tool.fifo);
    if (mkfifo(tool.fifo, 0600))
        return -1;
    tool.said = open(tool.fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    return tool.said < 0;
}

static int tool_remove(void **state)
{
    (void)state;
    close(tool.said);
    return unlink(tool.fifo) || rmdir(tool.folder);
}

static bool destroyed(int within_ms)
{
    struct pollfd said = {tool.said, POLLIN, 0};
    char bytes[16];

    return poll(&said, 1, within_ms) > 0 && read(tool.said, bytes, sizeof bytes) > 0;
}

/* The launcher is killed; whose end is still open is the domain's maker's. */
static int launcher_dies(const struct launch_guard *guard)
{
    int maker = dup(guard->creator);

    assert_true(maker >= 0);
    close(guard->alive);
    close(guard->creator);
    return maker;
}

static void guard_goes(const struct launch_guard *guard)
{
    int status;

    assert_int_equal(waitpid(guard->pid, &status, 0), guard->pid);
    assert_int_equal(status, 0);
    while (destroyed(0))
        ;
}

static void test_dies_amid_making(void **state)
{
    struct launch_guard guard;

    (void)state;
    assert_int_equal(launch_guard_start(&guard, destroy), 0);
    int maker = launcher_dies(&guard);
    assert_false(destroyed(MOMENT_MS));
    close(maker);
    assert_true(destroyed(PATIENCE_MS));
    guard_goes(&guard);
}

static void test_dies_while_it_runs(void **state)
{
    struct launch_guard guard;

    (void)state;
    assert_int_equal(launch_guard_start(&guard, destroy), 0);
    launch_guard_made(&guard);
    assert_false(destroyed(MOMENT_MS));
    int maker = launcher_dies(&guard);
    assert_true(destroyed(PATIENCE_MS));
    assert_true(destroyed(PATIENCE_MS)); /* until the maker has seen it */
    close(maker);
    guard_goes(&guard);
}

static void test_ends_in_peace(void **state)
{
    struct launch_guard guard;

    (void)state;
    assert_int_equal(launch_guard_start(&guard, destroy), 0);
    launch_guard_made(&guard);
    launch_guard_end(&guard);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_false(destroyed(MOMENT_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dies_amid_making),
        cmocka_unit_test(test_dies_while_it_runs),
        cmocka_unit_test(test_ends_in_peace),
    };
    return cmocka_run_group_tests(tests, tool_make, tool_remove);
}
