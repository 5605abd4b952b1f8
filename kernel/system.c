/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host asks of the VM as a whole (pv.h, request_take): a thread waits for it. Started by
 * kernel_start under hosts that ask.
 */
#include <stdbool.h>

#include "arch/arch.h"
#include "balloon.h"
#include "first.h"
#include "kernel/clock.h"
#include "kernel/event.h"
#include "kernel/log.h"
#include "kernel/random.h"
#include "kernel/start.h"
#include "kernel/thread.h"
#include "pvabi/pv.h"

#define SEED_WORDS 4u
#define BALLOON_AGAIN_NS 10000000000ull
#define STATUS_ASKED_TO_END 143 /* what a program has that SIGTERM ends */

static void wake(void *thread)
{
    thread_unpark(thread);
}

/* Sleeps until there may be a request; `behind`: as many pages as *pages are to be tried again. No
 * wake-up is lost: an event after the look unparks this thread, so that the park returns at once. */
static enum pv_request request_wait(uint64_t *pages, bool behind)
{
    uint64_t again_ns;
    enum pv_request request = pv->request_take(pages, &again_ns);

    if (request != PV_REQUEST_NONE)
        return request;
    if (behind && again_ns > BALLOON_AGAIN_NS)
        again_ns = BALLOON_AGAIN_NS;
    thread_park(again_ns == PV_NO_DEADLINE ? NO_DEADLINE : clock_now_ns() + again_ns);
    return behind ? PV_REQUEST_MEMORY : PV_REQUEST_NONE;
}

static void end(void)
{
    log_line("the host asks for the end");
    if (program_ask_to_end == NULL)
        kernel_exit(STATUS_ASKED_TO_END);
    program_ask_to_end();
}

/* Whoever was saved with us, or is our clone, knows the random numbers that would come now. */
static void restored(void)
{
    uint64_t entropy[SEED_WORDS];

    for (unsigned i = 0; i < SEED_WORDS; i++)
        if (!arch_entropy(&entropy[i]))
            entropy[i] = arch_cycles();
    random_mix(entropy, sizeof(entropy));
    log_line("restored");
}

static void system_run(void *unused)
{
    static struct event_listener listener = {.run = wake};
    uint64_t pages = 0;
    bool behind = false;

    (void)unused;
    listener.context = thread_self();
    event_listen_system(&listener);
    for (;;) {
        switch (request_wait(&pages, behind)) {
        case PV_REQUEST_END:
            end();
            break;
        case PV_REQUEST_RESTORED:
            restored();
            break;
        case PV_REQUEST_MEMORY:
            behind = !balloon_set(pages);
            break;
        default:
            break;
        }
    }
}

void system_start(void)
{
    const struct thread_options options = {.name = "system", .detached = true, .system = true};
    struct thread *thread;

    if (thread_create(&thread, &options, system_run, NULL) < 0)
        log_line("no memory to listen to what the host asks");
}
