/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * No upcall leaves a trace: threads hold patterns in every register (general, x87, SSE, AVX,
 * control words, flags), while timer upcalls arrive as fast as the host sends them, and preempt
 * them.
 */
#include <cpuid.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "pattern.h"

#define HOLDERS 3
#define TICKERS 40
#define TICKS 30
#define SPINS 30000

static atomic_bool done;
static atomic_ulong rounds[HOLDERS];

static bool has_avx(void)
{
    unsigned a, b, c, d, low, high;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX))
        return false;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & 6u) == 6u;
}

/* The upper halves, which SSE code cannot see. */
static bool avx_kept(uint64_t seed)
{
    uint64_t in[3][4], out[3][4];
    uint64_t spins = SPINS;

    for (unsigned i = 0; i < 12; i++)
        in[i / 4][i % 4] = (seed = seed * 6364136223846793005ull + 1442695040888963407ull);
    __asm__ volatile("vmovdqu (%1), %%ymm0; vmovdqu 32(%1), %%ymm7; vmovdqu 64(%1), %%ymm15;"
                     "1: decq %0; jnz 1b;"
                     "vmovdqu %%ymm0, (%2); vmovdqu %%ymm7, 32(%2); vmovdqu %%ymm15, 64(%2);"
                     "vzeroupper"
                     : "+r"(spins)
                     : "r"(in), "r"(out)
                     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory",
                       "cc");
    return memcmp(in, out, sizeof(in)) == 0;
}

static void *hold(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;
    bool avx = has_avx();
    struct pattern in, out, quiet;

    for (uint64_t round = 0; !atomic_load(&done); round++) {
        const char *damage;

        pattern_fill(&in, round * HOLDERS + self);
        pattern_run(&in, &quiet, 1, 0);
        pattern_run(&in, &out, SPINS, 0);
        damage = pattern_damage(&in, &out, &quiet);
        if (!damage && avx && !avx_kept(round))
            damage = "upper halves of the vector registers";
        if (damage)
            fprintf(stderr, "thread %u, round %lu: %s\n", self, (unsigned long)round, damage);
        CHECK(!damage);
        atomic_fetch_add(&rounds[self], 1);
    }
    return NULL;
}

/* Its wake-ups are timer upcalls while others compute; they come at a different moment each. */
static void *tick(void *argument)
{
    struct timespec pause = {.tv_nsec = 7000 + 731000 * (long)(uintptr_t)argument};

    for (unsigned i = 0; i < TICKS; i++)
        nanosleep(&pause, NULL);
    return NULL;
}

int main(void)
{
    pthread_t holders[HOLDERS], tickers[TICKERS];

    for (uintptr_t i = 0; i < HOLDERS; i++)
        CHECK(pthread_create(&holders[i], NULL, hold, (void *)i) == 0);
    for (uintptr_t i = 0; i < TICKERS; i++)
        CHECK(pthread_create(&tickers[i], NULL, tick, (void *)i) == 0);
    for (unsigned i = 0; i < TICKERS; i++)
        CHECK(pthread_join(tickers[i], NULL) == 0);
    /* A busy host sends several ticks as one. */
    while (metric("coracle_upcalls_total") < TICKERS * TICKS / 10 ||
           metric("coracle_preemptions_total") < HOLDERS)
        tick(NULL);
    atomic_store(&done, true);
    for (unsigned i = 0; i < HOLDERS; i++) {
        CHECK(pthread_join(holders[i], NULL) == 0);
        CHECK(atomic_load(&rounds[i]) > 0);
    }
    puts("ok");
    return 0;
}
