/* SPDX-License-Identifier: BSD-2-Clause */
/* Patterns in every register, and what is left of them after a while (pattern.S). */
#ifndef TESTS_PATTERN_H
#define TESTS_PATTERN_H

#include <stddef.h>
#include <stdint.h>

struct pattern {
    uint64_t registers[14]; /* rax rcx rdx rbx rbp rsi rdi r8 ... r14 */
    uint32_t mxcsr;
    uint16_t fcw;
    uint8_t unused[10];
    uint64_t xmm[16][2];
    uint8_t x87[8][16];    /* 10 bytes each; what comes out when `spins` is 1 is right */
    uint64_t red_zone[16]; /* comes out as PATTERN_RED_ZONE, where that is defined */
    uint64_t rflags;       /* comes out with PATTERN_RFLAGS set */
};
_Static_assert(offsetof(struct pattern, mxcsr) == 112 && offsetof(struct pattern, xmm) == 128 &&
                   offsetof(struct pattern, x87) == 384 &&
                   offsetof(struct pattern, red_zone) == 512 &&
                   offsetof(struct pattern, rflags) == 640,
               "pattern.S");

#define PATTERN_RFLAGS 0x401ull /* direction and carry */

void pattern_run(const struct pattern *in, struct pattern *out, uint64_t spins, uint64_t flags);
extern const char pattern_run_end[];

/* Values that differ from register to register and from seed to seed; a rounding mode that is not
 * the usual one. */
static inline void pattern_fill(struct pattern *pattern, uint64_t seed)
{
    uint64_t *words = (uint64_t *)(void *)pattern;

    for (size_t i = 0; i < sizeof(*pattern) / sizeof(*words); i++)
        words[i] = (seed = seed * 6364136223846793005ull + 1442695040888963407ull);
    pattern->mxcsr = 0x1f80u | (uint32_t)(seed >> 40 & 3u) << 13;
    pattern->fcw = (uint16_t)(0x037fu | (seed >> 50 & 3u) << 10);
}

/* The name of what differs between what went in and what came out, or NULL. `quiet` came out of a
 * run that nothing interrupted. */
static inline const char *pattern_damage(const struct pattern *in, const struct pattern *out,
                                         const struct pattern *quiet)
{
    if (__builtin_memcmp(in->registers, out->registers, sizeof(in->registers)) != 0)
        return "general registers";
    if (in->mxcsr != (out->mxcsr & ~0x3fu) || in->fcw != out->fcw)
        return "floating-point control";
    if (__builtin_memcmp(in->xmm, out->xmm, sizeof(in->xmm)) != 0)
        return "vector registers";
    for (unsigned i = 0; i < 8; i++)
        if (__builtin_memcmp(quiet->x87[i], out->x87[i], 10) != 0)
            return "x87 registers";
#ifdef PATTERN_RED_ZONE
    for (unsigned i = 0; i < 16; i++)
        if (out->red_zone[i] != PATTERN_RED_ZONE)
            return "red zone";
#endif
    if ((out->rflags & PATTERN_RFLAGS) != PATTERN_RFLAGS)
        return "flags";
    return NULL;
}

#endif
