/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arithmetic that the compiler calls for, on 128-bit integers and complex numbers: those functions
 * of libgcc whose compiled form keeps data below the stack pointer (a red zone), where an upcall
 * under Xen writes. Linked instead of libgcc's, with their meaning; the compiler is their only
 * caller. What libgcc has for complex long double and for 128-bit and decimal floating point is not
 * here, and scripts/check-image refuses an image that uses it.
 */
#include <stdint.h>

typedef unsigned __int128 wide;

wide __udivmodti4(wide dividend, wide divisor, wide *remainder);
wide __umodti3(wide dividend, wide divisor);
long double __floattixf(__int128 value);
long double __floatuntixf(wide value);
uint64_t __fixunsxfdi(long double value);
_Complex float __mulsc3(float a, float b, float c, float d);
_Complex float __divsc3(float a, float b, float c, float d);

#define TWO_63 0x1p63L
#define TWO_64 0x1p64L

/* high:low by divisor, for high < divisor: the quotient fits. */
static uint64_t divide(uint64_t high, uint64_t low, uint64_t divisor, uint64_t *remainder)
{
    uint64_t quotient;

    __asm__("divq %4"
            : "=a"(quotient), "=d"(*remainder)
            : "a"(low), "d"(high), "r"(divisor)
            : "cc");
    return quotient;
}

/* As on every x86, dividing by zero traps. */
wide __udivmodti4(wide dividend, wide divisor, wide *remainder)
{
    uint64_t high = (uint64_t)(dividend >> 64), low = (uint64_t)dividend;
    uint64_t top = (uint64_t)(divisor >> 64), bottom = (uint64_t)divisor, rest;
    wide quotient;

    if (top == 0) {
        uint64_t upper = 0;

        rest = high;
        if (high >= bottom)
            upper = divide(0, high, bottom, &rest);
        quotient = (wide)upper << 64 | divide(rest, low, bottom, &rest);
        if (remainder != 0)
            *remainder = rest;
        return quotient;
    }
    /* The quotient fits 64 bits. Dividing half the dividend by the divisor's 64 leading bits gives
     * it or one more (Hacker's Delight, 9-5); it is made one too small rather than one too great. */
    {
        int shift = __builtin_clzll(top);
        uint64_t leading = (uint64_t)(divisor << shift >> 64);
        wide half = dividend >> 1;
        uint64_t estimate = divide((uint64_t)(half >> 64), (uint64_t)half, leading, &rest) >>
                            (63 - shift);

        if (estimate != 0)
            estimate--;
        dividend -= estimate * divisor;
        quotient = estimate;
        if (dividend >= divisor) {
            dividend -= divisor;
            quotient++;
        }
    }
    if (remainder != 0)
        *remainder = dividend;
    return quotient;
}

wide __umodti3(wide dividend, wide divisor)
{
    wide remainder;

    __udivmodti4(dividend, divisor, &remainder);
    return remainder;
}

/* Both halves are exact in the 64 bits of a long double's significand: the sum rounds once. */
long double __floattixf(__int128 value)
{
    return (long double)(int64_t)(value >> 64) * TWO_64 + (long double)(uint64_t)value;
}

long double __floatuntixf(wide value)
{
    return (long double)(uint64_t)(value >> 64) * TWO_64 + (long double)(uint64_t)value;
}

uint64_t __fixunsxfdi(long double value)
{
    if (value < TWO_63)
        return (uint64_t)(int64_t)value;
    return (uint64_t)(int64_t)(value - TWO_63) ^ 1ull << 63;
}

static _Complex double complex_of(double real, double imaginary)
{
    _Complex double value;

    __real__ value = real;
    __imag__ value = imaginary;
    return value;
}

/* In double nothing that fits a float overflows on the way; infinities and NaNs are taken care of
 * there (C11, annex G), by functions of libgcc that have no red zone. */
_Complex float __mulsc3(float a, float b, float c, float d)
{
    return (_Complex float)(complex_of(a, b) * complex_of(c, d));
}

_Complex float __divsc3(float a, float b, float c, float d)
{
    return (_Complex float)(complex_of(a, b) / complex_of(c, d));
}
