/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: monitor/vring.c monitor/iov.c monitor/memory.c */
/*
 * The device's side of a virtqueue against a driver that writes anything anywhere: the input is a
 * program of writes into ring memory and of steps of the device. Whatever it says, the device stays
 * within RAM, out of read-only text, and out of endless chains; the sanitizers watch the rest.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "iov.h"
#include "pvabi/native.h"
#include "vring.h"

#define RAM_BYTES 65536u
#define TEXT_BYTES 4096u

struct input {
    const uint8_t *at;
    size_t left;
};

static uint32_t take(struct input *input, size_t bytes)
{
    uint32_t value = 0;

    if (bytes > input->left)
        bytes = input->left;
    memcpy(&value, input->at, bytes);
    input->at += bytes;
    input->left -= bytes;
    return value;
}

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void check_chain(const struct guest_memory *memory, const struct vring_chain *chain,
                        uint16_t size)
{
    unsigned count = (unsigned)chain->readable_count + chain->writable_count;
    uint64_t bytes = 0;

    check(chain->head < size && count <= size);
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *begin = chain->segments[i].iov_base;
        size_t length = chain->segments[i].iov_len;

        check(length > 0 && begin >= memory->host && length <= RAM_BYTES &&
              begin + length <= memory->host + RAM_BYTES);
        check(i < chain->readable_count || begin >= memory->host + TEXT_BYTES);
        bytes += length;
    }
    check(bytes == (uint64_t)chain->readable_bytes + chain->writable_bytes);
}

/* What a backend does with a chain: reads a header, cuts it off, writes the rest. */
static void use_chain(struct vring_chain *chain, struct input *input)
{
    uint8_t header[16];
    struct iovec *data = chain->segments;
    struct iovec *writable = chain->segments + chain->readable_count;
    size_t cut = take(input, 1);

    iov_read(data, chain->readable_count, header, sizeof(header));
    iov_skip(&data, chain->readable_count, cut);
    if (chain->writable_bytes > 0)
        iov_zero(writable, iov_trim(writable, chain->writable_count, chain->writable_bytes - 1));
}

/* A descriptor that is likely to be near the truth: the others come from raw writes. */
static void write_desc(uint8_t *desc, uint16_t size, struct input *input)
{
    uint64_t address = PVN_RAM_BASE + take(input, 3) % (RAM_BYTES + 256);
    uint32_t bytes = take(input, 2);
    uint16_t flags = (uint16_t)(take(input, 1) & 7),
             next = (uint16_t)(take(input, 1) % (size + 1u));
    uint8_t *at = desc + take(input, 1) % size * 16;

    memcpy(at, &address, 8);
    memcpy(at + 8, &bytes, 4);
    memcpy(at + 12, &flags, 2);
    memcpy(at + 14, &next, 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = {data, bytes};
    uint16_t size = (uint16_t)(1u << take(&input, 1) % 7);
    size_t lengths[3] = {VRING_DESC_BYTES(size), VRING_DRIVER_BYTES(size),
                         VRING_DEVICE_BYTES(size)};
    uint8_t *parts[3] = {calloc(1, lengths[0]), calloc(1, lengths[1]), calloc(1, lengths[2])};
    struct guest_memory memory = {
        .host = calloc(1, RAM_BYTES),
        .base = PVN_RAM_BASE,
        .ram_bytes = RAM_BYTES,
        .all_bytes = RAM_BYTES,
        .read_only = {{PVN_RAM_BASE, PVN_RAM_BASE + TEXT_BYTES}},
        .read_only_count = 1,
    };
    uint16_t held[VRING_SIZE_MAX], held_count = 0;
    struct vring_chain chain;
    struct vring ring;

    vring_init(&ring, &memory, parts[0], parts[1], parts[2], size, PVN_EVENT_DEVICE);
    vring_begin(&ring, take(&input, 1) % 2 ? VRING_FEATURES : VRING_F_VERSION_1);
    while (input.left > 0) {
        uint32_t step = take(&input, 1) % 8, part, at;

        switch (step) {
        case 0: /* raw bytes anywhere */
            part = take(&input, 1) % 3;
            at = take(&input, 2) % lengths[part];
            parts[part][at] = (uint8_t)take(&input, 1);
            break;
        case 1:
        case 2:
            write_desc(parts[0], size, &input);
            break;
        case 3: /* one more available buffer */
            at = *(uint16_t *)(void *)(parts[1] + 2);
            *(uint16_t *)(void *)(parts[1] + 4 +
                                  at % size * 2) = (uint16_t)(take(&input, 1) % (size + 1u));
            *(uint16_t *)(void *)(parts[1] + 2) = (uint16_t)(at + 1);
            break;
        case 4:
        case 5:
            if (vring_next(&ring, &chain) > 0) {
                check_chain(&memory, &chain, size);
                use_chain(&chain, &input);
                check(held_count < size);
                held[held_count++] = chain.head;
            }
            break;
        case 6: /* give any of the held ones back */
            if (held_count > 0) {
                at = take(&input, 1) % held_count;
                vring_use(&ring, held[at], take(&input, 2));
                held[at] = held[--held_count];
            }
            break;
        default:
            vring_publish(&ring);
            check(vring_enable_doorbell(&ring) || vring_next(&ring, &chain) == 0);
            break;
        }
    }
    for (int i = 0; i < 3; i++)
        free(parts[i]);
    free(memory.host);
    return 0;
}
