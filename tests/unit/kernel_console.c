/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: kernel/console_read.c kernel/device.c kernel/sched.c kernel/thread.c kernel/sync.c */
/* sources: kernel/timer.c kernel/event.c kernel/page.c kernel/bitmap.c */
/* sources: arch/x86_64/context.c arch/x86_64/switch.S tests/unit/kernel/fake.c */
/* sources: tests/unit/kernel/fake_ram.c */
/* cflags: --param asan-stack=0 */
/* Console input over a device of the test's that raises an event only when asked for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch/bootrec.h"
#include "kernel/console.h"
#include "kernel/errno.h"
#include "kernel/fake.h"
#include "kernel/first.h"
#include "kernel/metrics.h"
#include "kernel/page.h"
#include "kernel/thread.h"
#include "pvabi/pv.h"

#define EVENT 4u
#define RAM_PAGES 1024u

static struct pv_console state_of_device = {.rx_event = EVENT, .end_event = EVENT, .rx_slots = 3};
static struct {
    void *buffer, *cookie;
    uint32_t bytes;
} posted[3];
static unsigned posted_count, attached, kicks;
static const char *incoming; /* what the host still has to say */
static bool hang_up, event_asked, no_device;

static size_t fake_memory_bytes(const struct pv_device *device)
{
    (void)device;
    return PAGE_BYTES;
}

static int fake_attach(const struct pv_device *device, void *memory, struct pv_console **console)
{
    (void)device;
    assert_non_null(memory);
    attached++;
    *console = &state_of_device;
    return 0;
}

static int fake_post(struct pv_console *console, void *buffer, uint32_t bytes, void *cookie)
{
    assert_true(posted_count < console->rx_slots);
    posted[posted_count].buffer = buffer;
    posted[posted_count].bytes = bytes;
    posted[posted_count].cookie = cookie;
    posted_count++;
    return 0;
}

static int fake_take(struct pv_console *console, void **cookie, uint32_t *bytes)
{
    size_t length = incoming != NULL ? strlen(incoming) : 0;

    if (console->fault != NULL)
        return -EIO;
    if ((length == 0 && !hang_up) || posted_count == 0)
        return 0;
    *bytes = length < posted[0].bytes ? (uint32_t)length : posted[0].bytes;
    memcpy(posted[0].buffer, incoming, *bytes);
    incoming += *bytes;
    *cookie = posted[0].cookie;
    memmove(posted, posted + 1, sizeof(posted) - sizeof(posted[0]));
    posted_count--;
    return 1;
}

static bool fake_ask(struct pv_console *console)
{
    event_asked = true;
    return console->fault != NULL || (incoming != NULL && *incoming != '\0');
}

static void fake_kick(struct pv_console *console)
{
    (void)console;
    kicks++;
}

static const struct pv_console_ops fake_ops = {.memory_bytes = fake_memory_bytes,
                                               .attach = fake_attach,
                                               .rx_post = fake_post,
                                               .rx_take = fake_take,
                                               .rx_ask = fake_ask,
                                               .rx_kick = fake_kick};
const struct pv_console_ops *const pv_console_frontends[PV_FAMILY_COUNT] = {&fake_ops};

const struct pv_device *pv_devices(unsigned *count)
{
    static const struct pv_device device = {.class = PV_CONSOLE};

    *count = no_device ? 0 : 1;
    return &device;
}

static int start(void **state)
{
    (void)state;
    fake_ram_start(RAM_PAGES);
    return 0;
}

/* In a process of its own: there is one console in each. */
static void without_a_device_input_is_at_its_end(void **state)
{
    int status;
    char byte;

    (void)state;
    if (fork() == 0) {
        no_device = true;
        _exit(console_readable() && console_read(&byte, 1, true) == 0 ? 0 : 1);
    }
    wait(&status);
    assert_int_equal(status, 0);
}

static void nobody_attaches_before_the_first_look(void **state)
{
    char byte;

    (void)state;
    assert_int_equal(attached, 0);
    assert_int_equal(console_read(&byte, 1, false), -EAGAIN);
    assert_int_equal(attached, 1);
    assert_int_equal(posted_count, 3);
    assert_int_equal(kicks, 1);
    assert_false(console_readable());
    assert_int_equal(attached, 1);
}

static void input_comes_in_order_and_in_any_portions(void **state)
{
    char out[8] = "";

    (void)state;
    incoming = "hello";
    assert_true(console_readable());
    assert_int_equal(console_read(out, 0, true), 0);
    assert_int_equal(console_read(out, 2, true), 2);
    assert_int_equal(console_read(out + 2, 6, true), 3);
    assert_string_equal(out, "hello");
    assert_int_equal(console_read(out, 1, false), -EAGAIN);
}

static void more_than_all_buffers_hold_arrives_whole(void **state)
{
    static char text[20001], out[20001];

    (void)state;
    for (unsigned i = 0; i < 20000; i++)
        text[i] = (char)('a' + i % 23);
    incoming = text;
    for (size_t have = 0; have < 20000;) {
        long count = console_read(out + have, 777, true);

        assert_true(count > 0);
        have += (size_t)count;
    }
    assert_memory_equal(out, text, 20000);
    assert_false(console_readable());
    assert_int_equal(posted_count, 3); /* every buffer is back */
}

static void someone_types(void)
{
    assert_true(event_asked);
    incoming = "x";
    event_asked = false;
    fake_event(EVENT);
}

static void read_one(void *argument)
{
    assert_int_equal(console_read(argument, 1, true), 1);
}

static void a_reader_sleeps_until_there_is_input(void **state)
{
    struct thread *threads[2];
    char bytes[3] = "";

    (void)state;
    fake.on_wait = someone_types;
    assert_int_equal(console_read(bytes, 1, true), 1);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(thread_create(&threads[i], NULL, read_one, &bytes[i]), 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(thread_join(threads[i]), 0);
    assert_string_equal(bytes, "xx");
    assert_true(waitq_empty(console_waitq()));
}

static void count_wake(struct waiter *waiter)
{
    ++*(unsigned *)waiter->context;
}

static void who_polls_is_told(void **state)
{
    unsigned wakes = 0;
    struct waiter waiter = {.wake = count_wake, .context = &wakes};
    char byte;

    (void)state;
    waitq_add(console_waitq(), &waiter);
    assert_false(console_readable()); /* asks for an event */
    someone_types();
    thread_park(fake.now_ns); /* looks at events */
    thread_yield();
    upcalls_restore(upcalls_mask());
    assert_int_equal(wakes, 1);
    assert_true(console_readable());
    assert_int_equal(console_read(&byte, 1, false), 1);
    waitq_remove(&waiter);
}

static void the_end_stays_the_end(void **state)
{
    char byte;

    (void)state;
    incoming = "";
    hang_up = true;
    assert_true(console_readable());
    assert_int_equal(console_read(&byte, 1, true), 0);
    hang_up = false;
    assert_int_equal(console_read(&byte, 1, false), 0);
    assert_true(console_readable());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_device_input_is_at_its_end),
        cmocka_unit_test(nobody_attaches_before_the_first_look),
        cmocka_unit_test(input_comes_in_order_and_in_any_portions),
        cmocka_unit_test(more_than_all_buffers_hold_arrives_whole),
        cmocka_unit_test(a_reader_sleeps_until_there_is_input),
        cmocka_unit_test(who_polls_is_told),
        cmocka_unit_test(the_end_stays_the_end),
    };

    return cmocka_run_group_tests_name("kernel_console", tests, start, NULL);
}
