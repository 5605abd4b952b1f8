/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memcpy, memmove and memset for every short length and alignment and for some long ones: what is to
 * change changes, and not one byte beside it. memchr finds the first such byte within its bounds only.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

#define ROOM 8192
#define MARGIN 80 /* on both sides of what is touched */

static unsigned char area[ROOM], expected[ROOM];

/* The functions as a program that the compiler knows nothing about would call them. */
static void *(*volatile copy)(void *, const void *, size_t) = memcpy;
static void *(*volatile move)(void *, const void *, size_t) = memmove;
static void *(*volatile find)(const void *, int, size_t) = memchr;
static void *(*volatile set)(void *, int, size_t) = memset;

static void fill(void)
{
    for (size_t i = 0; i < ROOM; i++)
        area[i] = expected[i] = (unsigned char)(i * 31 + i / 256 * 7);
}

static void compare(void)
{
    for (size_t i = 0; i < ROOM; i++)
        CHECK(area[i] == expected[i]);
}

static void try_move(void *(*how)(void *, const void *, size_t), size_t to, size_t from,
                     size_t count)
{
    unsigned char before[ROOM];

    fill();
    for (size_t i = 0; i < count; i++)
        before[i] = area[from + i];
    for (size_t i = 0; i < count; i++)
        expected[to + i] = before[i];
    CHECK(how(area + to, area + from, count) == area + to);
    compare();
}

static void try_set(size_t to, int byte, size_t count)
{
    fill();
    for (size_t i = 0; i < count; i++)
        expected[to + i] = (unsigned char)byte;
    CHECK(set(area + to, byte, count) == area + to);
    compare();
}

static void try_find(size_t from, size_t count)
{
    memset(area, 'a', ROOM);
    area[from - 1] = 'x';
    CHECK(find(area + from, 'x', count) == NULL);
    for (size_t i = 0; i <= count; i++) {
        area[from + i] = area[from + i + 5] = 'x';
        CHECK(find(area + from, 'x', count) == (i < count ? area + from + i : NULL));
        area[from + i] = area[from + i + 5] = 'a';
    }
}

int main(void)
{
    static const size_t lengths[] = {0,   1,   2,   3,   4,   5,   7,   8,   9,   15, 16,
                                     17,  24,  31,  32,  33,  47,  48,  63,  64,  65, 96,
                                     127, 128, 129, 191, 192, 193, 256, 257, 1460};
    static const int distances[] = {-1500, -130, -65, -64, -17, -16, -8,  -1,
                                    0,     1,    7,   16,  31,  64,  100, 1500};

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        size_t from = 2000 + i % 3;
        for (size_t j = 0; j < sizeof distances / sizeof distances[0]; j++)
            try_move(move, (size_t)((int)from + distances[j]), from, lengths[i]);
        try_move(copy, MARGIN + i % 17, 4096 + i % 5, lengths[i]);
        if (lengths[i] < 100)
            for (size_t at = MARGIN; at < MARGIN + 17; at++)
                try_find(at, lengths[i]);
        try_set(MARGIN + i % 16, (int)(i * 37 + 0x80), lengths[i]);
    }
    puts("ok");
    return 0;
}
