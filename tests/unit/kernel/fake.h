/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's surroundings for unit tests of its parts: a platform whose time is a variable, and a
 * panic that the test catches. What a test links for real replaces the weak functions here.
 */
#ifndef TESTS_UNIT_KERNEL_FAKE_H
#define TESTS_UNIT_KERNEL_FAKE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fake {
    uint64_t now_ns;
    uint64_t timer_ns; /* what pv->timer_set was last told */
    unsigned timer_sets, waits, protects;
    int protect_result;
    uint64_t waited_for_ns; /* the last wait's deadline */
    void (*on_wait)(void);  /* what the world does during a wait; otherwise time passes */
    void (*on_clock)(void); /* what it does when the clock is read; otherwise nothing */
    void *protected_page;   /* the last one made inaccessible */
    char message[256];      /* of the last panic */
    jmp_buf panicked;
    bool expects_panic;
};
extern struct fake fake;

/* fake_ram.c: gives the page allocator that many pages of RAM, and counts the main thread. */
void fake_ram_start(size_t pages);

/* Raises an event as the other side would, without an upcall. */
void fake_event(unsigned event);

/* Fails unless the statement panics with a message that holds the words. */
#define assert_panics(words, statement)               \
    do {                                              \
        fake.expects_panic = true;                    \
        if (setjmp(fake.panicked) == 0) {             \
            statement;                                \
            fail_msg("no panic: %s", #statement);     \
        }                                             \
        fake.expects_panic = false;                   \
        assert_non_null(strstr(fake.message, words)); \
    } while (0)

#endif
