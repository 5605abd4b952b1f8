/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: lib/posix/timegm.c lib/posix/libgen.c */
/* cflags: -Dtimegm=our_timegm -Dbasename=our_basename -D__xpg_basename=our_basename */
/* cflags: -Ddirname=our_dirname */
/* timegm, basename and dirname against the host's C library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#undef timegm
#undef basename
#undef dirname
#undef __xpg_basename

time_t our_timegm(struct tm *time);
char *our_basename(char *path);
char *our_dirname(char *path);
time_t timegm(struct tm *time);
char *__xpg_basename(char *path);
char *dirname(char *path);

static void agrees(struct tm time)
{
    struct tm ours = time, theirs = time;
    assert_true(our_timegm(&ours) == timegm(&theirs));
    assert_int_equal(ours.tm_year, theirs.tm_year);
    assert_int_equal(ours.tm_mon, theirs.tm_mon);
    assert_int_equal(ours.tm_mday, theirs.tm_mday);
    assert_int_equal(ours.tm_hour, theirs.tm_hour);
    assert_int_equal(ours.tm_min, theirs.tm_min);
    assert_int_equal(ours.tm_sec, theirs.tm_sec);
    assert_int_equal(ours.tm_wday, theirs.tm_wday);
    assert_int_equal(ours.tm_yday, theirs.tm_yday);
}

static void every_day(void **state)
{
    (void)state;
    for (int day = -200000; day < 200000; day++)
        agrees((struct tm){.tm_year = 70, .tm_mday = 1 + day});
}

static int between(int low, int high)
{
    return low + rand() % (high - low + 1);
}

static void out_of_range(void **state)
{
    (void)state;
    srand(1);
    for (int i = 0; i < 200000; i++)
        agrees((struct tm){.tm_year = between(-3000, 8000),
                           .tm_mon = between(-50, 50),
                           .tm_mday = between(-400, 400),
                           .tm_hour = between(-100, 100),
                           .tm_min = between(-200, 200),
                           .tm_sec = between(-100000, 100000)});
}

static void paths(void **state)
{
    static const char *const all[] = {"",     "/",    "//",      "///",   "a",       "a/",
                                      "/a",   "a/b",  "/a/b",    "/a//b", "a//b//",  "/a/",
                                      "//a",  ".",    "..",      "./a",   "a/.",     "/usr/lib/x",
                                      "x///", "/x//", "a/b/c//", "ab/cd", "///a///", "a b/c"};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char ours[32], theirs[32];
        strcpy(ours, all[i]);
        strcpy(theirs, all[i]);
        assert_string_equal(our_basename(ours), __xpg_basename(theirs));
        strcpy(ours, all[i]);
        strcpy(theirs, all[i]);
        if (strcmp(all[i], "//") != 0 && strncmp(all[i], "//a", 3) != 0) /* free to differ */
            assert_string_equal(our_dirname(ours), dirname(theirs));
    }
    assert_string_equal(our_basename(NULL), ".");
    assert_string_equal(our_dirname(NULL), ".");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_day),
        cmocka_unit_test(out_of_range),
        cmocka_unit_test(paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
