/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the primitives of a system cost, in cycles of the time stamp counter: an ordinary POSIX
 * program, compiled for Coracle by coracle-cc and for Linux by gcc, so that both are measured by the
 * same lines. Each primitive is done often in each of several rounds; the median and the fastest
 * round are printed, one line each: NAME MEDIAN LEAST. Used by bench/.
 *
 *     primitives [NAME|all [ROUNDS]]       this one or all; fewer rounds where all is slow
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define ROUNDS_MAX 31u
#define PAGE_BYTES 4096u

static unsigned rounds = ROUNDS_MAX;

static void report(const char *name, double *samples)
{
    for (unsigned i = 1; i < rounds; i++)
        for (unsigned j = i; j > 0 && samples[j] < samples[j - 1]; j--) {
            double swapped = samples[j];
            samples[j] = samples[j - 1];
            samples[j - 1] = swapped;
        }
    printf("%s %.1f %.1f\n", name, samples[rounds / 2], samples[0]);
}

/* Measures `count` turns of `body` in each round. */
static void measure(const char *name, unsigned count, void (*body)(unsigned count))
{
    double samples[ROUNDS_MAX];

    body(count / 10 + 1);
    for (unsigned round = 0; round < rounds; round++) {
        uint64_t begin = __rdtsc();
        body(count);
        samples[round] = (double)(__rdtsc() - begin) / count;
    }
    report(name, samples);
}

static void empty(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        __asm__ volatile("" ::: "memory");
}

/* What of a switch is the floating-point unit's: its control words saved and loaded. */
static void fpu_control(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t vector;
        uint16_t scalar;

        __asm__ volatile("stmxcsr %0\n\tfnstcw %1\n\tfldcw %1\n\tldmxcsr %0"
                         : "=m"(vector), "=m"(scalar));
    }
}

/* ---- two threads ---------------------------------------------------------------------------- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ping = PTHREAD_COND_INITIALIZER, pong = PTHREAD_COND_INITIALIZER;
static unsigned turn, turns;
static volatile unsigned yields;

static void *yield_there(void *argument)
{
    (void)argument;
    while (yields > 0)
        sched_yield();
    return NULL;
}

/* Two threads hand the CPU to each other: two switches for each turn here. */
static void yield_switches(unsigned count)
{
    pthread_t other;

    yields = 1;
    pthread_create(&other, NULL, yield_there, NULL);
    sched_yield();
    for (unsigned i = 0; i < count / 2; i++)
        sched_yield();
    yields = 0;
    pthread_join(other, NULL);
}

static void *answer(void *argument)
{
    (void)argument;
    pthread_mutex_lock(&mutex);
    for (unsigned i = 0; i < turns; i++) {
        while (turn == 0)
            pthread_cond_wait(&ping, &mutex);
        turn = 0;
        pthread_cond_signal(&pong);
    }
    pthread_mutex_unlock(&mutex);
    return NULL;
}

/* A condition signalled, the waiter woken and running, and the same back: half of a turn each. */
static void condition_wakeups(unsigned count)
{
    pthread_t other;

    turns = count / 2;
    pthread_create(&other, NULL, answer, NULL);
    pthread_mutex_lock(&mutex);
    for (unsigned i = 0; i < turns; i++) {
        turn = 1;
        pthread_cond_signal(&ping);
        while (turn == 1)
            pthread_cond_wait(&pong, &mutex);
    }
    pthread_mutex_unlock(&mutex);
    pthread_join(other, NULL);
}

static void *nothing(void *argument)
{
    return argument;
}

static void create_and_join(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        pthread_t thread;

        pthread_create(&thread, NULL, nothing, NULL);
        pthread_join(thread, NULL);
    }
}

/* ---- one thread ----------------------------------------------------------------------------- */

static void lock_and_unlock(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
    }
}

static void malloc_and_free(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        void *block = malloc(64);

        __asm__ volatile("" : : "r"(block) : "memory");
        free(block);
    }
}

static void clock_reading(unsigned count)
{
    struct timespec time;

    for (unsigned i = 0; i < count; i++)
        clock_gettime(CLOCK_MONOTONIC, &time);
}

/*
 * The system call that does least: what a program pays to enter Linux. In Coracle it is a call of a
 * function.
 */
static void null_call(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        getppid();
}

/* A page mapped, written to and given back. */
static void page_allocation(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                          0);

        if (page == MAP_FAILED)
            abort();
        *page = 1;
        munmap(page, PAGE_BYTES);
    }
}

/* How much later than asked a sleep of 100 us ends. */
static void timer_lateness(void)
{
    double samples[ROUNDS_MAX];

    for (unsigned round = 0; round < rounds; round++) {
        struct timespec asked = {.tv_nsec = 100000}, before, after;

        clock_gettime(CLOCK_MONOTONIC, &before);
        uint64_t begin = __rdtsc();
        nanosleep(&asked, NULL);
        uint64_t cycles = __rdtsc() - begin;
        clock_gettime(CLOCK_MONOTONIC, &after);
        double ns = (double)(after.tv_sec - before.tv_sec) * 1e9 +
                    (double)(after.tv_nsec - before.tv_nsec);
        samples[round] = (double)cycles * (ns - 100000) / ns;
    }
    report("timer-lateness", samples);
}

static const struct {
    const char *name;
    unsigned count;
    void (*body)(unsigned count);
} primitives[] = {
    {"loop", 100000, empty},
    {"fpu", 100000, fpu_control},
    {"switch", 20000, yield_switches},
    {"lock", 100000, lock_and_unlock},
    {"condition", 10000, condition_wakeups},
    {"thread", 500, create_and_join},
    {"malloc", 100000, malloc_and_free},
    {"clock", 100000, clock_reading},
    {"call", 20000, null_call},
    {"page", 2000, page_allocation},
};

int main(int argc, char **argv)
{
    const char *only = argc > 1 && strcmp(argv[1], "all") ? argv[1] : NULL;

    if (argc > 2)
        rounds = (unsigned)strtoul(argv[2], NULL, 10);
    if (rounds == 0 || rounds > ROUNDS_MAX)
        return 2;
    for (size_t i = 0; i < sizeof primitives / sizeof *primitives; i++)
        if (!only || !strcmp(only, primitives[i].name))
            measure(primitives[i].name, primitives[i].count, primitives[i].body);
    if (!only || !strcmp(only, "timer-lateness"))
        timer_lateness();
    return 0;
}
