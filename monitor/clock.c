/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Publishes the clock page. The guest's time-stamp counter equals the host's (kvm.c), so the pair
 * (counter, time) is taken here by reading both. See clock.h.
 */
#include "clock.h"

#include <time.h>

#include "event.h"

#define REFRESH_NS 10000000u /* at most a hundred times a second */
/* How much slower the guest's clock runs while it is ahead: 1/2048, about 500 ppm. */
#define SLEW_SHIFT 11

#define NS_PER_S 1000000000u
#define WALL_NOISE_NS 1000000u

void clock_scale(uint32_t tsc_khz, uint32_t *mul, int8_t *shift)
{
    /* The multiplier is below 1, so the counter is shifted until that fits and is precise. */
    uint64_t hz = (uint64_t)tsc_khz * 1000;
    int8_t result = 0;

    while (hz <= NS_PER_S) {
        hz <<= 1;
        result++;
    }
    while (hz > 2ull * NS_PER_S) {
        hz >>= 1;
        result--;
    }
    *shift = result;
    *mul = (uint32_t)(((uint64_t)NS_PER_S << 32) / hz);
}

static uint64_t scale(uint64_t ticks, uint32_t mul, int8_t shift)
{
    ticks = shift < 0 ? ticks >> -shift : ticks << shift;
    return (uint64_t)(((unsigned __int128)ticks * mul) >> 32);
}

static void publish(struct clock *clock, uint64_t tsc, uint64_t system_ns, uint32_t mul)
{
    struct pvn_clock *page = clock->page;
    uint32_t version = page->version;

    /* Odd before any field changes and even after the last one: the two release fences keep the
     * fields between the versions. */
    __atomic_store_n(&page->version, version + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&page->tsc_timestamp, tsc, __ATOMIC_RELAXED);
    __atomic_store_n(&page->system_time_ns, system_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&page->tsc_to_system_mul, mul, __ATOMIC_RELAXED);
    __atomic_store_n(&page->version, version + 2, __ATOMIC_RELEASE);
}

/* Wall time at system time 0, as the host's two clocks say now. */
static uint64_t wall_base_ns(const struct clock *clock, uint64_t now_ns)
{
    struct timespec wall;

    clock_gettime(CLOCK_REALTIME, &wall);
    return (uint64_t)wall.tv_sec * NS_PER_S + (uint64_t)wall.tv_nsec - (now_ns - clock->start_ns);
}

static void publish_wall(struct clock *clock, uint64_t base_ns)
{
    struct pvn_clock *page = clock->page;
    uint64_t seconds = base_ns / NS_PER_S;
    uint32_t version = page->wall_version;

    /* As in publish. */
    __atomic_store_n(&page->wall_version, version + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&page->wall_sec, (uint32_t)seconds, __ATOMIC_RELAXED);
    __atomic_store_n(&page->wall_sec_high, (uint32_t)(seconds >> 32), __ATOMIC_RELAXED);
    __atomic_store_n(&page->wall_nsec, (uint32_t)(base_ns % NS_PER_S), __ATOMIC_RELAXED);
    __atomic_store_n(&page->wall_version, version + 2, __ATOMIC_RELEASE);
    clock->wall_ns = base_ns;
}

/* Somebody may have set the host's clock. What the two readings differ by anyway does not count. */
static void follow_wall(struct clock *clock, uint64_t now_ns)
{
    uint64_t base_ns = wall_base_ns(clock, now_ns);
    uint64_t moved_ns = base_ns > clock->wall_ns ? base_ns - clock->wall_ns
                                                 : clock->wall_ns - base_ns;
    if (moved_ns > WALL_NOISE_NS)
        publish_wall(clock, base_ns);
}

void clock_start(struct clock *clock, struct pvn_clock *page, uint32_t tsc_khz)
{
    *clock = (struct clock){.page = page};
    clock_scale(tsc_khz, &clock->nominal_mul, &clock->shift);
    page->tsc_shift = clock->shift;
    clock->start_ns = clock->refreshed_ns = monotonic_ns();
    publish(clock, __builtin_ia32_rdtsc(), 0, clock->nominal_mul);
    publish_wall(clock, wall_base_ns(clock, clock->start_ns));
    page->vm_generation = 1;
}

void clock_refresh(struct clock *clock)
{
    uint64_t now_ns = monotonic_ns();

    if (now_ns - clock->refreshed_ns < REFRESH_NS)
        return;
    clock->refreshed_ns = now_ns;
    const struct pvn_clock *page = clock->page;
    uint64_t tsc = __builtin_ia32_rdtsc();
    uint64_t guest_ns = page->system_time_ns +
                        scale(tsc - page->tsc_timestamp, page->tsc_to_system_mul, clock->shift);
    uint64_t target_ns = now_ns - clock->start_ns;

    follow_wall(clock, now_ns);
    if (guest_ns <= target_ns)
        publish(clock, tsc, target_ns, clock->nominal_mul);
    else
        publish(clock, tsc, guest_ns, clock->nominal_mul - (clock->nominal_mul >> SLEW_SHIFT));
}

uint64_t clock_to_monotonic(const struct clock *clock, uint64_t system_ns)
{
    /* What is further away than a few centuries never comes; it also keeps tv_sec in range. */
    if (system_ns > INT64_MAX - clock->start_ns)
        return UINT64_MAX;
    return clock->start_ns + system_ns;
}
