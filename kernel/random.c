/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random numbers: ChaCha20 with fast key erasure. Each run of the cipher first replaces its own
 * key, so what was handed out cannot be computed back from the memory of a guest that is read
 * later. Relies on the boot record's seed and on the CPU's entropy. Any thread and any event
 * handler.
 */
#include "kernel/random.h"

#include "arch/arch.h"
#include "arch/bootrec.h"
#include "chacha20.h"
#include "first.h"
#include "kernel/log.h"
#include "kernel/thread.h"
#include "random_device.h"

#define BLOCKS_MOST 4u
#define MIX_BLOCKS 2u /* the start of a network asks for less than these give */
#define BUFFER_BYTES (BLOCKS_MOST * CHACHA20_BLOCK_BYTES - CHACHA20_KEY_BYTES)

static struct {
    uint8_t key[CHACHA20_KEY_BYTES];
    uint8_t buffer[BUFFER_BYTES]; /* the last `left` bytes are unused output */
    unsigned left;
    bool seeded;  /* by the host or the CPU */
    bool stirred; /* the CPU's entropy was mixed in */
} generator;

/* One run of 1 to BLOCKS_MOST blocks: a new key, then output. */
static void refill(unsigned blocks)
{
    static const uint32_t nonce[3];
    uint8_t output[BLOCKS_MOST][CHACHA20_BLOCK_BYTES];
    unsigned i = 0;

    do
        chacha20_block(generator.key, i, nonce, output[i]);
    while (++i < blocks);
    __builtin_memcpy(generator.key, output, CHACHA20_KEY_BYTES);
    generator.left = blocks * CHACHA20_BLOCK_BYTES - CHACHA20_KEY_BYTES;
    __builtin_memcpy(generator.buffer + BUFFER_BYTES - generator.left,
                     &output[0][CHACHA20_KEY_BYTES], generator.left);
    __builtin_memset(output, 0, sizeof(output));
    arch_barrier_compiler(); /* the erasing is not optimized away */
}

/* Exclusive-or keeps what the key had; the run after it spreads the new bytes over the whole key and
 * takes the place of all output made before. */
static void mix(const uint8_t *data, size_t bytes)
{
    while (bytes > 0) {
        size_t part = bytes < CHACHA20_KEY_BYTES ? bytes : CHACHA20_KEY_BYTES;

        for (size_t i = 0; i < part; i++)
            generator.key[i] ^= data[i];
        refill(MIX_BLOCKS);
        data += part;
        bytes -= part;
    }
}

/* At first use rather than at boot: it costs what most programs never need. */
static void stir(void)
{
    uint64_t words[CHACHA20_KEY_BYTES / sizeof(uint64_t)] = {0};

    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        for (unsigned attempt = 0; attempt < 10; attempt++) {
            if (arch_entropy(&words[i])) {
                generator.seeded = true;
                break;
            }
        }
    }
    words[0] ^= arch_cycles();
    generator.stirred = true;
    random_device_start();
    mix((const uint8_t *)words, sizeof(words));
    if (!generator.seeded)
        log_line("random: neither the host nor the CPU gives entropy; numbers are predictable");
}

/* What a device was asked for at the first use comes when it comes. */
static void mix_from_device(void)
{
    uint8_t data[2 * CHACHA20_KEY_BYTES];
    size_t bytes = random_device_take(data, sizeof(data));

    if (bytes == 0)
        return;
    generator.seeded = true;
    mix(data, bytes);
    __builtin_memset(data, 0, sizeof(data));
    arch_barrier_compiler(); /* the erasing is not optimized away */
}

void random_start(const struct bootrec *record)
{
    if (record->seed == NULL)
        return;
    __builtin_memcpy(generator.key, record->seed, CHACHA20_KEY_BYTES);
    __builtin_memset(record->seed, 0, BOOTREC_SEED_BYTES);
    arch_barrier_compiler(); /* the erasing is not optimized away */
    generator.seeded = true;
}

void random_bytes(void *data, size_t bytes)
{
    uint8_t *out = data;

    while (bytes > 0) {
        unsigned state = upcalls_mask();
        uint8_t *source;
        size_t part;

        if (!generator.stirred)
            stir();
        mix_from_device();
        if (generator.left == 0)
            refill(BLOCKS_MOST);
        part = bytes < generator.left ? bytes : generator.left;
        source = generator.buffer + BUFFER_BYTES - generator.left;
        __builtin_memcpy(out, source, part);
        __builtin_memset(source, 0, part);
        generator.left -= (unsigned)part;
        upcalls_restore(state);
        out += part;
        bytes -= part;
    }
}

uint32_t random_u32(void)
{
    uint32_t value;

    random_bytes(&value, sizeof(value));
    return value;
}

void random_mix(const void *data, size_t bytes)
{
    unsigned state = upcalls_mask();

    mix(data, bytes);
    upcalls_restore(state);
}
