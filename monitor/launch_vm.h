/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VMM that runs as a child: its streams on their way to standard output and standard error, and what
 * the guest says of itself on its log. How the streams come differs by VMM: launch_from_pipes.c and
 * launch_from_console.c, each a table of what launch_run.c's loop asks for. For launch_*.c alone.
 */
#ifndef MONITOR_LAUNCH_VM_H
#define MONITOR_LAUNCH_VM_H

#include <poll.h>

#include "launch.h"
#include "launch_child.h"
#include "launch_console.h"

/* What is read from `from` waits in `waiting` until `to` takes it; only then is more read. */
struct launch_stream {
    int from; /* -1: it has ended */
    int to;
    bool to_failed; /* nobody reads there: the rest is dropped */
    struct text waiting;
    size_t done;    /* of waiting */
    bool amid_line; /* what was written last ended no line */
};

/* Of launch_from_pipes.c. */
struct launch_pipes {
    uint64_t nap_end_ns;  /* CLOCK_MONOTONIC; 0: awake */
    bool napping;         /* when this turn's wait began */
    bool log_naps;        /* with the others: it was read last; otherwise it wakes them */
    int ports;            /* that QEMU forwards */
    unsigned ports_tries; /* left to find them all listening */
    uint64_t ports_next_ns;
};

/* Of launch_from_console.c. */
struct launch_one_console {
    struct launch_console console;
    unsigned tries;    /* left to open it; 0: it was opened, or there is none */
    uint64_t next_ns;  /* when the next one is due */
    uint64_t heard_ns; /* when it was read last */
};

struct launch_vm {
    pid_t pid;
    bool ended;
    int wait_status;
    int signals; /* signalfd */
    struct launch_stream streams[LAUNCH_STREAM_COUNT];
    struct launch_log log;
    char words[512]; /* the VMM's own line that has begun */
    size_t words_length;
    bool spoke;
    uint64_t main_ns; /* when the guest told its stamps first */
    bool vm_ended;    /* vmm->end_vm was called */
    const struct launch_source *source;
    struct launch_pipes pipes;
    struct launch_one_console one;
};

/* How the streams come. */
struct launch_source {
    int log_stream; /* with whose end the log ends */
    /* The child runs. */
    void (*start)(const struct launch *launch, struct launch_vm *vm);
    /* Does what is due at `now`; how long the next wait may take: in ns, UINT64_MAX: for ever. */
    uint64_t (*tend)(struct launch *launch, struct launch_vm *vm, uint64_t now);
    /* Whether this stream is not to be read now. */
    bool (*must_wait)(const struct launch_vm *vm, int which);
    /* This stream can be read: launch_vm_read and what follows from it. */
    void (*ready)(struct launch *launch, struct launch_vm *vm, int which);
    /* One more descriptor to wait for, and what to do then. */
    struct pollfd (*more)(struct launch_vm *vm);
    void (*more_ready)(struct launch_vm *vm);
};
extern const struct launch_source launch_from_pipes, launch_from_console;

/* --- launch_vm.c --- */

/* Reads a stream of which something has come: so many bytes for the caller to take; 0: none, because it
 * has ended or was the VMM's words, which are said here. */
size_t launch_vm_read(struct launch *launch, struct launch_vm *vm, int which, char *bytes,
                      size_t count);
/* These bytes came on one of the guest's three channels. */
void launch_vm_take(struct launch *launch, struct launch_vm *vm, unsigned channel,
                    const char *bytes, size_t count);

/* What to wait for in a stream: to write what came of it, or to read. */
struct pollfd launch_vm_poll(struct launch_vm *vm, int which);
bool launch_stream_is_waiting(const struct launch_stream *stream);
/* Can be written: writes what it takes. */
void launch_vm_write(struct launch_vm *vm, int which);
/* The streams in the order in which they are to be served. */
const int *launch_vm_order(const struct launch_vm *vm);

/* --- launch_run.c --- */

/* Kills what runs, the VM with it. */
void launch_vm_kill(struct launch *launch, struct launch_vm *vm);
void launch_vm_end(struct launch *launch, struct launch_vm *vm);
/* The first cause counts. */
void launch_end(struct launch *launch, const char *cause, int status);

#endif
