/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs of bits (bitmap.h), a word at a time. Relies on nothing. */
#include "bitmap.h"

#define WORD_BITS 64u

/* Ones at the positions of `word` that lie in [begin, end). */
static uint64_t word_mask(size_t word, size_t begin, size_t end)
{
    uint64_t mask = UINT64_MAX;

    if (begin > word * WORD_BITS)
        mask &= UINT64_MAX << (begin % WORD_BITS);
    if (end < (word + 1) * WORD_BITS)
        mask &= UINT64_MAX >> (WORD_BITS - end % WORD_BITS);
    return mask;
}

size_t bitmap_next(const uint64_t *words, size_t begin, size_t end, bool value)
{
    uint64_t flip = value ? 0 : UINT64_MAX;

    if (begin >= end)
        return end;
    for (size_t word = begin / WORD_BITS; word <= (end - 1) / WORD_BITS; word++) {
        uint64_t found = (words[word] ^ flip) & word_mask(word, begin, end);

        if (found != 0)
            return word * WORD_BITS + (size_t)__builtin_ctzll(found);
    }
    return end;
}

size_t bitmap_previous(const uint64_t *words, size_t begin, size_t end, bool value)
{
    uint64_t flip = value ? 0 : UINT64_MAX;

    if (begin >= end)
        return begin;
    for (size_t word = (end - 1) / WORD_BITS + 1; word-- > begin / WORD_BITS;) {
        uint64_t found = (words[word] ^ flip) & word_mask(word, begin, end);

        if (found != 0)
            return word * WORD_BITS + WORD_BITS - (size_t)__builtin_clzll(found);
    }
    return begin;
}

void bitmap_fill(uint64_t *words, size_t begin, size_t end, bool value)
{
    if (begin >= end)
        return;
    for (size_t word = begin / WORD_BITS; word <= (end - 1) / WORD_BITS; word++) {
        uint64_t mask = word_mask(word, begin, end);

        words[word] = value ? words[word] | mask : words[word] & ~mask;
    }
}
