/* SPDX-License-Identifier: BSD-2-Clause */
/* A recursion without end, for the tests of guard pages. */
#ifndef TESTS_GUEST_DESCEND_H
#define TESTS_GUEST_DESCEND_H

#pragma GCC diagnostic ignored "-Winfinite-recursion"

__attribute__((noinline)) static int descend(int depth)
{
    volatile char room[512];

    room[0] = (char)depth;
    return descend(depth + 1) + room[0];
}

#endif
