/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Senders that wait for memory. If a thousand connections with much to send shared what there is,
 * each would have a few segments of it: small frames, and for each an acknowledgement and a turn of
 * the program. So they wait in a queue, and whose turn it is fills his buffer. That holds as long as
 * the queue moves: where peers read slowly it is given up for a while, all go on with the least
 * share (stream.c), and nobody waits for the slow ones. Called under the stack's lock.
 */
#include "crowd.h"

#include <stdint.h>

#include "stack.h"

#define SHARE_BYTES (128u * 1024) /* a send buffer */
#define GIVEN_UP_NS 1000000000ull

static struct sender *first, **last = &first;
static size_t called_bytes; /* since the last tick */
static bool tick_saw_waiting;
static uint64_t given_up_until_ns;

bool crowd_waits(void)
{
    return first != NULL;
}

void crowd_join(struct sender *sender, void (*called)(struct sender *sender))
{
    if (sender_waits(sender) || net_now_ns < given_up_until_ns)
        return;
    if (!first)
        timers_touch();
    *sender = (struct sender){.link = last, .called = called};
    *last = sender;
    last = &sender->next;
}

void crowd_leave(struct sender *sender)
{
    if (sender_waits(sender)) {
        *sender->link = sender->next;
        *(sender->next ? &sender->next->link : &last) = sender->link;
        sender->link = NULL;
    }
    sender->wants = sender->turn = false;
}

static void call_first(bool turn)
{
    struct sender *sender = first;

    crowd_leave(sender);
    sender->turn = turn;
    sender->called(sender);
}

void crowd_call(void)
{
    size_t room, share;

    if (!first)
        return;
    room = memory_room();
    share = memory_receive_limit() / 4;
    if (share > SHARE_BYTES)
        share = SHARE_BYTES;
    for (; first && room >= share; room -= share) {
        called_bytes += share;
        call_first(true);
    }
}

void crowd_tick(void)
{
    crowd_call();
    if (first && tick_saw_waiting && called_bytes < memory_receive_limit() / 8) {
        given_up_until_ns = net_now_ns + GIVEN_UP_NS;
        while (first)
            call_first(false);
    }
    called_bytes = 0;
    tick_saw_waiting = first != NULL;
}
