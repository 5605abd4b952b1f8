/* SPDX-License-Identifier: BSD-2-Clause */
/* ChaCha20 (RFC 8439): the state's four rows are vectors, so that a round is four quarter rounds at
 * once. Relies on nothing; no table, no branch on secrets. */
#include "chacha20.h"

typedef uint32_t row __attribute__((vector_size(16)));

#define ROTATE(value, bits) ((value) << (bits) | (value) >> (32 - (bits)))
/* Word i becomes what was word i + by. */
#define TURN(r, by) \
    __builtin_shufflevector(r, r, (by) % 4, ((by) + 1) % 4, ((by) + 2) % 4, ((by) + 3) % 4)

/* RFC 8439, 2.1, on four columns. */
static inline __attribute__((always_inline)) void quarter_rounds(row s[4])
{
    s[0] += s[1];
    s[3] = ROTATE(s[3] ^ s[0], 16);
    s[2] += s[3];
    s[1] = ROTATE(s[1] ^ s[2], 12);
    s[0] += s[1];
    s[3] = ROTATE(s[3] ^ s[0], 8);
    s[2] += s[3];
    s[1] = ROTATE(s[1] ^ s[2], 7);
}

void chacha20_block(const uint8_t key[CHACHA20_KEY_BYTES], uint32_t counter,
                    const uint32_t nonce[3], uint8_t out[CHACHA20_BLOCK_BYTES])
{
    row start[4] = {{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}};
    row state[4];

    __builtin_memcpy(start + 1, key, CHACHA20_KEY_BYTES);
    start[3] = (row){counter, nonce[0], nonce[1], nonce[2]};
    __builtin_memcpy(state, start, sizeof(state));
    for (unsigned round = 0; round < 20; round += 2) {
        quarter_rounds(state);
        state[1] = TURN(state[1], 1); /* the diagonals become columns */
        state[2] = TURN(state[2], 2);
        state[3] = TURN(state[3], 3);
        quarter_rounds(state);
        state[1] = TURN(state[1], 3);
        state[2] = TURN(state[2], 2);
        state[3] = TURN(state[3], 1);
    }
    for (unsigned i = 0; i < 4; i++)
        state[i] += start[i];
    __builtin_memcpy(out, state, sizeof(state));
}
