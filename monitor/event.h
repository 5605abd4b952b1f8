/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events for the guest's vCPU: raised by any thread and by the timer's signal, waited for and
 * entered as upcalls by the vCPU's thread. Also how anybody stops the VM: the cause is kept here,
 * because a stop and an event interrupt the vCPU in the same way.
 */
#ifndef MONITOR_EVENT_H
#define MONITOR_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "memory.h"
#include "pvabi/native.h"
#include "tables.h"

struct kvm_run;

enum stop_cause { STOP_NONE, STOP_TIMEOUT, STOP_INTERRUPT, STOP_TERMINATE };

struct events {
    struct pvn_vcpu *shared; /* written by the guest at any time */
    struct kvm_run *run;
    pid_t process, thread; /* the vCPU's thread */
    uint32_t wake;         /* futex: grows with everything that may end a wait */
    uint32_t waiting;      /* the vCPU's thread is in, or on its way into, the futex */
    uint32_t stop;         /* enum stop_cause */
    timer_t timer;
    bool timer_made;
    bool timer_armed;
    /* Counters, of the vCPU's thread except `raised` and `kicks`. */
    uint64_t raised, kicks, upcalls, waits, wait_ns;
};

/* Called on the vCPU's thread, once; catches the signals that interrupt it. */
int events_start(struct events *events, struct pvn_vcpu *shared, struct kvm_run *run);

/* Blocks, or lets through, the signals that belong to the vCPU's thread: new threads are made with
 * them blocked. */
void events_block_signals(bool block);

/* Sets the event's bit and makes the vCPU look. Any thread; also from a signal handler. */
void events_raise(struct events *events, unsigned event);

/* Ends the VM as soon as may be; the first cause counts. SIGALRM, SIGINT and SIGTERM do this. */
enum stop_cause events_stopped(const struct events *events);
int events_set_timeout(uint64_t timeout_ns);

/* Returns when an event is pending, at CLOCK_MONOTONIC `deadline_ns`, or when the VM is stopped. */
void events_wait(struct events *events, uint64_t deadline_ns);

/* Raises PVN_EVENT_TIMER at CLOCK_MONOTONIC `deadline_ns`; UINT64_MAX disarms. */
int events_set_timer(struct events *events, uint64_t deadline_ns);

/* Does the guest take upcalls now: enabled, and not masked? */
bool events_upcalls_open(const struct events *events);

/* True when the guest is to be entered at its upcall address before it goes on. */
bool events_upcall_due(const struct events *events);

/*
 * Changes the vCPU's registers (in the run structure) so that it enters its upcall. Only right
 * after KVM_RUN returned EINTR: no instruction is half done then. Returns 0, or -EFAULT when the
 * frame would not lie in writable RAM, -EINVAL when an address given by the guest is not
 * executable; *address is what was wrong.
 */
int events_enter_upcall(struct events *events, const struct guest_memory *memory,
                        const struct tables *tables, uint64_t *address);

uint64_t monotonic_ns(void);

#endif
