/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock that a frontend looks at while it awaits its device: each look takes a while, in which
 * the test's device may act.
 */
#ifndef TESTS_CLOCK_H
#define TESTS_CLOCK_H

#include <stdint.h>

extern uint64_t clock_now_ns;
extern uint64_t clock_step_ns;      /* a millisecond unless the test says otherwise */
extern void (*clock_on_look)(void); /* NULL: nothing happens */

#endif
