/* SPDX-License-Identifier: BSD-2-Clause */
/* A program that is profiled: by the clock three quarters of its work in one function and a quarter in
 * another, then a sleep; tests/e2e/profile.py knows the shares. */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

static volatile unsigned sink;

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

__attribute__((noinline)) static void work(void)
{
    for (unsigned i = 0; i < 100000; i++)
        sink += i;
}

__attribute__((noinline)) static void often(int64_t end_ms)
{
    while (now_ms() < end_ms)
        work();
    sink++; /* no jump into the last call */
}

__attribute__((noinline)) static void seldom(int64_t end_ms)
{
    while (now_ms() < end_ms)
        work();
    sink--;
}

int main(void)
{
    const struct timespec rest = {0, 300000000};

    for (unsigned i = 0; i < 10; i++) {
        often(now_ms() + 90);
        seldom(now_ms() + 30);
    }
    nanosleep(&rest, NULL);
    puts("ok");
    return 0;
}
