/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks and sleeping: order, resolution, setting the wall clock, broken-down time, errors. */
#define _GNU_SOURCE
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static long long read_ns(clockid_t clock)
{
    struct timespec time;
    CHECK(clock_gettime(clock, &time) == 0 && time.tv_nsec >= 0 && time.tv_nsec < 1000000000);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static time_t seconds_now(void)
{
    return time(NULL);
}

static void clocks(void)
{
    long long before = read_ns(CLOCK_MONOTONIC);
    for (int i = 0; i < 1000; i++) {
        long long next = read_ns(CLOCK_MONOTONIC);
        CHECK(next >= before);
        before = next;
    }
    struct timespec time;
    CHECK(clock_getres(CLOCK_MONOTONIC, &time) == 0 && time.tv_sec == 0 && time.tv_nsec > 0);
    CHECK_FAILS(clock_gettime(99, &time), EINVAL);
    struct timeval now;
    CHECK(gettimeofday(&now, NULL) == 0 && now.tv_sec > 1700000000 && now.tv_usec < 1000000);
    CHECK(timespec_get(&time, TIME_UTC) == TIME_UTC && timespec_get(&time, 77) == 0);

    struct timespec set = {1000000000, 5};
    CHECK(clock_settime(CLOCK_REALTIME, &set) == 0);
    CHECK(read_ns(CLOCK_REALTIME) >= 1000000000000000005LL && seconds_now() < 1000000100);
    CHECK_FAILS(clock_settime(CLOCK_MONOTONIC, &set), EINVAL);
    set.tv_nsec = -1;
    CHECK_FAILS(clock_settime(CLOCK_REALTIME, &set), EINVAL);
}

static void sleeping(void)
{
    long long begin = read_ns(CLOCK_MONOTONIC);
    struct timespec duration = {0, 20000000}, rest = {1, 1};
    CHECK(nanosleep(&duration, &rest) == 0 && rest.tv_sec == 0 && rest.tv_nsec == 0);
    CHECK(read_ns(CLOCK_MONOTONIC) - begin >= 20000000);
    begin = read_ns(CLOCK_MONOTONIC);
    CHECK(usleep(1000) == 0 && read_ns(CLOCK_MONOTONIC) - begin >= 1000000);
    struct timespec until = {0};
    clock_gettime(CLOCK_MONOTONIC, &until);
    begin = read_ns(CLOCK_MONOTONIC);
    until.tv_nsec += 5000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == 0);
    CHECK(read_ns(CLOCK_MONOTONIC) >= until.tv_sec * 1000000000LL + until.tv_nsec);
    until.tv_sec -= 100;
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == 0);
    duration.tv_nsec = 1000000000;
    CHECK_FAILS(nanosleep(&duration, NULL), EINVAL);
    duration = (struct timespec){-1, 0};
    CHECK_FAILS(nanosleep(&duration, NULL), EINVAL);
    CHECK(clock_nanosleep(99, 0, &duration, NULL) == EINVAL);
}

static void calendar(void)
{
    static const struct {
        time_t seconds;
        struct tm time;
    } cases[] = {
        {0, {0, 0, 0, 1, 0, 70, 4, 0, 0}},
        {951782400, {0, 0, 0, 29, 1, 100, 2, 59, 0}},
        {4107542399, {59, 59, 23, 28, 1, 200, 0, 58, 0}},
        {1763899200, {0, 0, 12, 23, 10, 125, 0, 326, 0}},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tm time = cases[i].time, broken;
        CHECK(timegm(&time) == cases[i].seconds && time.tm_wday == cases[i].time.tm_wday);
        CHECK(gmtime_r(&cases[i].seconds, &broken) && broken.tm_yday == cases[i].time.tm_yday);
        CHECK(broken.tm_mday == cases[i].time.tm_mday && mktime(&broken) == cases[i].seconds);
    }
    struct tm odd = {.tm_year = 100, .tm_mon = 13, .tm_mday = 29, .tm_hour = 25};
    CHECK(timegm(&odd) == 983494800 && odd.tm_year == 101 && odd.tm_mon == 2);
    char text[64];
    CHECK(strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &cases[1].time) == 29);
    CHECK(strcmp(text, "Tue, 29 Feb 2000 00:00:00 GMT") == 0);
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    time_t summer = 1751371200; /* 2025-07-01 12:00 UTC */
    CHECK(localtime(&summer)->tm_hour == 14);
}

/* What the host takes while the program runs is counted as the program's, so it may be tried again. */
static bool sleep_is_free(void)
{
    clock_t before = clock();
    long long elapsed = -read_ns(CLOCK_MONOTONIC);
    usleep(100000);
    elapsed += read_ns(CLOCK_MONOTONIC);
    return (clock() - before) * (1000000000 / CLOCKS_PER_SEC) < (unsigned long long)elapsed / 2;
}

/* CPU time: grows while running, hardly while sleeping. */
static void processor(void)
{
    clock_t begin = clock();
    volatile unsigned spin = 0;
    while (clock() - begin < CLOCKS_PER_SEC / 50)
        spin++;
    bool free = false;
    for (int patience = 20; !free && patience > 0; patience--)
        free = sleep_is_free();
    CHECK(free);
    struct tms all;
    CHECK(times(&all) != (clock_t)-1 && all.tms_utime > 0 && sysconf(_SC_CLK_TCK) > 0);
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0 && usage.ru_maxrss > 0);
    CHECK(usage.ru_utime.tv_sec > 0 || usage.ru_utime.tv_usec > 0);
    CHECK_FAILS(getrusage(55, &usage), EINVAL);
}

int main(void)
{
    clocks();
    sleeping();
    calendar();
    processor();
    puts("ok");
    return 0;
}
