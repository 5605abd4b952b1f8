/* SPDX-License-Identifier: BSD-2-Clause */
/* The ChaCha20 block function (RFC 8439, 2.3), for the random generator. */
#ifndef KERNEL_CHACHA20_H
#define KERNEL_CHACHA20_H

#include <stdint.h>

#define CHACHA20_KEY_BYTES 32u
#define CHACHA20_BLOCK_BYTES 64u

/* `counter` is the block's number, `nonce` the three words after it. Words in the machine's order
 * must be little-endian. */
void chacha20_block(const uint8_t key[CHACHA20_KEY_BYTES], uint32_t counter,
                    const uint32_t nonce[3], uint8_t out[CHACHA20_BLOCK_BYTES]);

#endif
