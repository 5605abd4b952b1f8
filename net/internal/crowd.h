/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Senders that wait for memory, in the order in which they came (crowd.c). For stream.c, the
 * network's errand and its timers; all under the stack's lock. A sender that could not queue all
 * it has because memory is short joins when its peer has acknowledged what it has sent, so that none
 * waits here for a peer that is gone, and is called when it may fill its buffer:
 *
 *     sender.wants = true             it has more to send
 *     crowd_join(&sender, called);    sender.turn is false
 *     ... called(&sender) ...         it does not wait any more, sender.turn says why
 *     crowd_leave(&sender);           all is queued, or there is nobody to send any more
 */
#ifndef NET_CROWD_H
#define NET_CROWD_H

#include <stdbool.h>
#include <stddef.h>

struct sender {
    struct sender *next, **link; /* link: what points here, NULL when it does not wait */
    void (*called)(struct sender *sender);
    bool wants; /* to join */
    bool turn;  /* its turn has come: it need not stand back for those that wait */
};

static inline bool sender_waits(const struct sender *sender)
{
    return sender->link != NULL;
}

/* Is anybody waiting? Who has not waited then takes no more than the least share. */
bool crowd_waits(void);
/* Does nothing if it waits already, or while the queue is given up. */
void crowd_join(struct sender *sender, void (*called)(struct sender *sender));
/* Whether it waits or not; its turn is over. */
void crowd_leave(struct sender *sender);
/* Memory may have become free: calls those for whom it suffices. */
void crowd_call(void);
/* The timer's, while anybody waits: gives the queue up if it hardly moves. */
void crowd_tick(void);

#endif
