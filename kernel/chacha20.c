/* SPDX-License-Identifier: BSD-2-Clause */
/* ChaCha20 (RFC 8439). Relies on nothing; no table, no branch on secrets. */
#include "chacha20.h"

static inline uint32_t rotate(uint32_t value, unsigned bits)
{
    return value << bits | value >> (32 - bits);
}

/* RFC 8439, 2.1 */
static inline void quarter_round(uint32_t s[16], unsigned a, unsigned b, unsigned c, unsigned d)
{
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 7);
}

void chacha20_block(const uint8_t key[CHACHA20_KEY_BYTES], uint32_t counter,
                    const uint32_t nonce[3], uint8_t out[CHACHA20_BLOCK_BYTES])
{
    uint32_t start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    uint32_t state[16];

    __builtin_memcpy(start + 4, key, CHACHA20_KEY_BYTES);
    start[12] = counter;
    start[13] = nonce[0];
    start[14] = nonce[1];
    start[15] = nonce[2];
    __builtin_memcpy(state, start, sizeof(state));
    for (unsigned round = 0; round < 20; round += 2) {
        for (unsigned i = 0; i < 4; i++)
            quarter_round(state, i, 4 + i, 8 + i, 12 + i);
        for (unsigned i = 0; i < 4; i++)
            quarter_round(state, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
    }
    for (unsigned i = 0; i < 16; i++)
        state[i] += start[i];
    __builtin_memcpy(out, state, sizeof(state));
}
