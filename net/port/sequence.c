/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers that nobody outside may guess: TCP's initial sequence numbers (RFC 6528: a clock plus a
 * keyed hash of the connection's addresses, here SipHash-2-4) and lwIP's random numbers.
 */
#include <string.h>

#include "arch/hooks.h"
#include "kernel/random.h"
#include "stack.h"

static uint64_t isn_key[2];

struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotate_left(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate_left(s->v1, 13) ^ s->v0;
    s->v3 = rotate_left(s->v3, 16) ^ s->v2;
    s->v0 = rotate_left(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotate_left(s->v1, 17) ^ s->v2;
    s->v3 = rotate_left(s->v3, 21) ^ s->v0;
    s->v2 = rotate_left(s->v2, 32);
}

/* SipHash-2-4 of `count` whole words. */
static uint64_t sip_hash(const uint64_t key[2], const uint64_t *words, unsigned count)
{
    struct sip s = {key[0] ^ 0x736f6d6570736575ull, key[1] ^ 0x646f72616e646f6dull,
                    key[0] ^ 0x6c7967656e657261ull, key[1] ^ 0x7465646279746573ull};
    for (unsigned i = 0; i <= count; i++) {
        uint64_t word = i < count ? words[i] : (uint64_t)count * 8 << 56;
        s.v3 ^= word;
        sip_round(&s);
        sip_round(&s);
        s.v0 ^= word;
    }
    s.v2 ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

static void address_words(const ip_addr_t *address, uint64_t words[2])
{
    words[0] = words[1] = 0;
    if (IP_IS_V6(address))
        memcpy(words, ip_2_ip6(address)->addr, 16);
    else
        memcpy(words, &ip_2_ip4(address)->addr, 4);
}

void port_random_start(void)
{
    random_bytes(isn_key, sizeof isn_key);
}

u32_t net_tcp_isn(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote,
                  u16_t remote_port)
{
    uint64_t words[5];
    address_words(local, &words[0]);
    address_words(remote, &words[2]);
    words[4] = (uint64_t)local_port << 16 | remote_port;
    return (u32_t)(net_now_ns / 4000) + (u32_t)sip_hash(isn_key, words, 5); /* 4 us a number */
}

uint32_t net_random(void)
{
    return random_u32();
}
