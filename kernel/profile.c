/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sampling profiler: a timer looks, many times a second, at what the program was doing, equal
 * stacks are counted together, and a thread of its own says the counts on the log channel, as lines
 * that begin with a mark (monitor/profile_text.h has their form). Started by kernel_start if the boot
 * record asks for it; otherwise nothing here runs.
 *
 * What runs with upcalls masked is sampled when it unmasks: it shows as upcalls_restore. The stack is
 * read by frame pointers; the word on top of it goes along, because a function that has not made
 * its frame yet, or makes none, hides who called it.
 */
#include "first.h"
#include "kernel/clock.h"
#include "kernel/log.h"
#include "kernel/page.h"
#include "kernel/sync.h"
#include "pvabi/pv.h"
#include "sched.h"

/* Small rather than fast: every image has this, and few runs. */
#define COLD __attribute__((cold))

#define NS_PER_SEC 1000000000ull
#define HZ_MAX 10000u
#define SLOTS 512u /* a power of two */
#define SLOTS_FULL (SLOTS / 4 * 3)
#define PROBES 8u
#define CALLERS_MAX 46u
#define LINE_BYTES 704u

/* Addresses of code fit 32 bits: the code model says so. */
struct stack {
    uint32_t depth; /* of callers */
    uint32_t pc;
    uint32_t top; /* what may be a return address on top of the stack, or 0 */
    char thread[THREAD_NAME_BYTES];
    uint32_t callers[CALLERS_MAX];
};

struct slot {
    uint32_t count; /* 0: free */
    struct stack stack;
};

static struct profile {
    uint64_t period_ns;
    struct timer timer;
    struct thread *thread;
    struct mutex mutex; /* of those who take from the table */
    uint32_t used, idle, lost;
    /* Of the one sample that is being taken: an upcall has little stack of its own. */
    struct stack now;
    uintptr_t addresses[CALLERS_MAX + 1];
    struct slot slots[SLOTS];
} * profile;

extern const char text_begin[], text_end[];

static bool in_text(uintptr_t address)
{
    return address >= (uintptr_t)text_begin && address < (uintptr_t)text_end;
}

/* A call pushes one word, a function's first instruction one more. */
static COLD uint32_t stack_top(uintptr_t stack, uintptr_t high)
{
    const uintptr_t *words = (const uintptr_t *)stack;

    for (unsigned i = 0; i < 2 && stack % sizeof(*words) == 0; i++) {
        if (stack + (i + 1) * sizeof(*words) <= high && in_text(words[i]))
            return (uint32_t)words[i];
    }
    return 0;
}

static COLD void look(const void *frame, const struct thread *thread, struct stack *now)
{
    uintptr_t low = (uintptr_t)thread->stack_low, high = (uintptr_t)thread->stack_high;
    struct arch_interrupted at = {.frame = frame};
    unsigned count;

    *now = (struct stack){.pc = 0};
    if (arch_interrupted_find(frame, low, high, &at))
        now->top = stack_top(at.stack, high);
    count = arch_backtrace(at.frame, low, high, profile->addresses, CALLERS_MAX + 1);
    for (unsigned i = 0; i < count && in_text(profile->addresses[i]); i++) {
        if (i == 0)
            now->pc = (uint32_t)profile->addresses[i];
        else
            now->callers[now->depth++] = (uint32_t)profile->addresses[i];
    }
    __builtin_memcpy(now->thread, thread->name, sizeof(now->thread));
}

static COLD uint32_t stack_hash(const struct stack *stack)
{
    uint32_t hash = stack->pc;

    for (unsigned i = 0; i < stack->depth; i++)
        hash = (hash ^ stack->callers[i]) * 0x9e3779b1u;
    return hash ^ hash >> 16;
}

/* The same stack may stand twice, after one before it was taken away: whoever reads the lines adds. */
static COLD void count_stack(const struct stack *stack)
{
    uint32_t hash = stack_hash(stack);

    for (unsigned i = 0; i < PROBES; i++) {
        struct slot *slot = &profile->slots[(hash + i) % SLOTS];

        if (slot->count == 0) {
            slot->stack = *stack;
            profile->used++;
        } else if (__builtin_memcmp(&slot->stack, stack, sizeof(*stack)) != 0) {
            continue;
        }
        slot->count++;
        return;
    }
    profile->lost++;
}

static COLD void sample(struct timer *timer)
{
    const struct thread *thread = cpu_self()->current;
    uint64_t now_ns = clock_now_ns(), next_ns = timer->deadline_ns + profile->period_ns;

    if (thread->state != THREAD_RUNNING) {
        profile->idle++;
    } else {
        look(__builtin_frame_address(0), thread, &profile->now);
        count_stack(&profile->now);
        if (profile->used == SLOTS_FULL && profile->thread != NULL)
            thread_unpark(profile->thread);
    }
    timer_insert(timer, next_ns > now_ns ? next_ns : now_ns + profile->period_ns, sample);
}

/* Names are the program's: one line must stay one. */
static COLD void say_stack(const struct slot *slot)
{
    const struct stack *stack = &slot->stack;
    char line[LINE_BYTES];
    size_t length = (size_t)format_line(line, sizeof(line), "\001coracle-profile stack %u %x %x",
                                        slot->count, stack->pc, stack->top);

    for (unsigned i = 0; i < stack->depth; i++)
        length += (size_t)format_line(line + length, sizeof(line) - length, " %x",
                                      stack->callers[i]);
    length += (size_t)format_line(line + length, sizeof(line) - length, " =");
    for (unsigned i = 0; i < THREAD_NAME_BYTES && stack->thread[i] != '\0'; i++)
        line[length++] = stack->thread[i] >= ' ' && stack->thread[i] <= '~' ? stack->thread[i]
                                                                            : '?';
    line[length++] = '\n';
    pv->write(PV_LOG, line, length);
}

static COLD void say_count(const char *what, uint32_t *counter)
{
    unsigned state = upcalls_mask();
    uint32_t count = *counter;

    *counter = 0;
    upcalls_restore(state);
    if (count != 0)
        log_line("\001coracle-profile %s %u", what, count);
}

/* Says all that was counted, and forgets it. */
static COLD void empty(void)
{
    struct slot slot;

    mutex_lock(&profile->mutex);
    for (unsigned i = 0; i < SLOTS; i++) {
        unsigned state = upcalls_mask();

        slot.count = profile->slots[i].count;
        if (slot.count != 0) {
            slot = profile->slots[i];
            profile->slots[i].count = 0;
            profile->used--;
        }
        upcalls_restore(state);
        if (slot.count != 0)
            say_stack(&slot);
    }
    say_count("idle", &profile->idle);
    say_count("lost", &profile->lost);
    mutex_unlock(&profile->mutex);
}

static COLD void profile_run(void *unused)
{
    (void)unused;
    for (;;) {
        thread_park(clock_now_ns() + NS_PER_SEC);
        empty();
    }
}

COLD void profile_start(unsigned hz)
{
    const struct thread_options options = {.name = "profile", .detached = true, .system = true};
    size_t pages = (sizeof(*profile) + PAGE_BYTES - 1) / PAGE_BYTES;

    profile = page_alloc_zeroed(pages);
    if (profile == NULL || thread_create(&profile->thread, &options, profile_run, NULL) < 0) {
        log_line("no memory for the profiler");
        if (profile != NULL)
            page_free(profile, pages);
        profile = NULL;
        return;
    }
    profile->period_ns = NS_PER_SEC / (hz < HZ_MAX ? hz : HZ_MAX);
    timer_arm(&profile->timer, clock_now_ns() + profile->period_ns, sample);
}

void profile_end(void)
{
    if (profile == NULL || upcalls_masked())
        return;
    timer_cancel(&profile->timer);
    empty();
}
