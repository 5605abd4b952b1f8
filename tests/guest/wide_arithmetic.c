/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the compiler calls functions for: division of 128-bit integers, their conversion to long
 * double, complex float. The quotients are checked by multiplying back; the rest against known
 * values.
 */
#include <complex.h>
#include <float.h>
#include <math.h>
#include <stdint.h>

#include "check.h"

typedef unsigned __int128 wide;

#define ROUNDS 200000

static uint64_t state = 88172645463325252u;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Of any magnitude, and often next to a power of two. */
static wide number(void)
{
    wide value = (wide)next() << 64 | next();

    value >>= next() % 128;
    switch (next() % 4) {
    case 0:
        return (wide)1 << next() % 128;
    case 1:
        return ((wide)1 << next() % 128) - 1;
    default:
        return value;
    }
}

static void divide(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        wide dividend = number(), divisor = number();
        wide quotient, rest;

        if (divisor == 0)
            continue;
        quotient = dividend / divisor;
        rest = dividend % divisor;
        CHECK(rest < divisor && quotient * divisor + rest == dividend);
        CHECK(quotient == 0 || quotient <= ~(wide)0 / divisor);
        CHECK(-(__int128)(dividend >> 1) / (__int128)7 == -(__int128)((dividend >> 1) / 7));
    }
}

static void convert(void)
{
    volatile wide all = ~(wide)0;
    volatile __int128 lowest = (__int128)((wide)1 << 127);
    volatile long double big = 0x1.fffffffffffffffep63L, small = 3.75L;

    CHECK((long double)all == 0x1p128L);
    CHECK((long double)lowest == -0x1p127L);
    CHECK((long double)(all >> 64) == 0x1.fffffffffffffffep63L);
    CHECK((uint64_t)big == UINT64_MAX && (uint64_t)small == 3);
    CHECK((wide)0x1p100L == (wide)1 << 100);
}

static void multiply_complex(void)
{
    volatile float complex a = 1.5f + 2.0f * I, b = -0.5f + 4.0f * I, zero = 0;
    volatile float complex infinite = CMPLXF(INFINITY, NAN);
    float complex product = a * b, quotient = a / b, lost = infinite * a;

    CHECK(crealf(product) == -8.75f && cimagf(product) == 5.0f);
    CHECK(fabsf(crealf(quotient) - 7.25f / 16.25f) < FLT_EPSILON);
    CHECK(fabsf(cimagf(quotient) + 7.0f / 16.25f) < FLT_EPSILON);
    CHECK(isinf(crealf(lost)) || isinf(cimagf(lost)));
    lost = a / zero;
    CHECK(isinf(crealf(lost)) && isinf(cimagf(lost)));
}

int main(void)
{
    divide();
    convert();
    multiply_complex();
    puts("ok");
    return 0;
}
