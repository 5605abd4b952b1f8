/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stack as a whole: one lock around all of lwIP, the timers, memory, the errand. For
 * net/ only. The recipe for a thread that calls lwIP:
 *
 *     net_lock();                     also catches up with timers that fell behind
 *     ... lwIP calls ...              may queue frames and loopback packets
 *     while (!condition)
 *         result = net_wait(&queue, deadline);
 *     net_unlock();                   runs the loopback, rings doorbells, re-arms the timers
 */
#ifndef NET_STACK_H
#define NET_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/sync.h"

/* ---- the lock (stack.c) ------------------------------------------------------------------- */

void net_lock(void);
void net_unlock(void);
/* Sleeps on a queue that is woken under the lock: gives the lock up meanwhile. 0 (perhaps without
 * reason: test the condition again), or -ETIMEDOUT. */
int net_wait(struct waitq *queue, uint64_t deadline_ns);

/* ---- timers (port/timers.c) --------------------------------------------------------------- */

/* lwIP's clock as of the last net_lock or timers_run, in nanoseconds of system time. */
extern uint64_t net_now_ns;

/* Runs every tick that is due at net_now_ns. */
void timers_run(void);
/* When the next tick matters: NO_DEADLINE if nothing lwIP knows can happen by time alone. */
uint64_t timers_deadline(void);
/* The same as far as it may be due to what was touched since the last time; NO_DEADLINE: nothing new. */
uint64_t timers_new_deadline(void);
/* Something went in or out, or was asked for: timers may be needed that were not. */
void timers_touch(void);
/* ... that concerns TCP over IPv4 alone: such a segment, which needs no other protocol's timer. */
void timers_touch_tcp(void);
/* A fragment, an ARP packet came or went; a DNS query began or ended. */
void timers_touch_reassembly(void);
void timers_touch_arp(void);
void timers_dns_queries(int change);

/* ---- memory (port/memory.c) --------------------------------------------------------------- */

/* Sets the bounds from the guest's RAM. */
void memory_start(void);
/* Queues fed by the program or by peers (send buffers, datagrams) stop growing while this is true,
 * so that acknowledgements and new connections still find memory. */
bool memory_is_short(void);
size_t memory_room(void); /* bytes until it is */
/* Even the smallest share for each connection is too much now. */
bool memory_is_out(void);
size_t memory_in_use(void);
size_t memory_receive_limit(void); /* bytes of received frames that may wait for the program */

/* ---- what the rest of net/ adds ------------------------------------------------------------ */

void port_random_start(void); /* port/sequence.c: the key of the sequence numbers */
void port_table_start(void);  /* port/lwip.c: the keys of the table of connections */
void interfaces_start(void);  /* interface.c: attaches all devices; takes the lock itself */
/* Do devices hold frames that were to be sent, or new buffers? Then, once a second: one that has given
 * no frame back since the last time, or was given buffers, is asked whether it is still there and
 * sees its rings. Locked. */
bool interfaces_to_watch(void);
void interfaces_watch(void);
bool interfaces_poll(void);  /* takes received frames; true when there may be more. Locked. */
void interfaces_flush(void); /* rings doorbells that are owed. Locked. */
bool interfaces_ask(void);   /* asks for events; true: work is there already. Locked. */
/* Before a query: router advertisements put their name servers in place of the one that the host or
 * DHCP named; that one is to be asked first. Locked. */
void name_servers_order(void);
void metrics_start(void); /* net_metrics.c */

#endif
