/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running an image under a VMM that is not ours: the options, read and checked, in the form that
 * the launchers need. Called by main.c's commands; nothing here runs beside the native monitor.
 *
 *     launch_open(&launch, options, machine)    the user's mistakes are said here
 *     launch_qemu_words(&launch, ...)           QEMU's command line, or
 *     launch_xen_config(&launch, ...)           xl's configuration
 *     launch_run(&launch, ...)                  runs it to its end
 *     launch_close(&launch)
 */
#ifndef MONITOR_LAUNCH_H
#define MONITOR_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "image.h"
#include "launch_input.h"
#include "launch_log.h"
#include "options.h"
#include "profile_file.h"
#include "pvabi/native.h"
#include "words.h"

struct launch_device {
    enum device_kind kind;
    char *name;           /* owned: the disk's file, the tap's interface; "" for user networking */
    bool read_only;       /* a disk */
    bool block_device;    /* a disk that is a block device of the host */
    bool direct;          /* a disk past the host's page cache */
    uint8_t mac[6];       /* a network device */
    uint16_t mtu;         /* a tap; 0: not known */
    const char *forwards; /* user networking: HOST:GUEST,... checked */
    struct pvn_net_address net;
};

struct launch;

/* What launch_run must know of the VMM whose program it runs. */
struct launch_vmm {
    const char *name;    /* in messages: "QEMU" */
    const char *package; /* the Debian package that has its program */
    bool one_console;    /* all channels come over one file (launch_console.h): */
    /* Opens it, not blocking, when running_ns is set: the descriptor; -EAGAIN: it is not there yet. */
    int (*open_console)(const struct launch *launch);
    /* A line of its own words: true if it is not to be shown. NULL: all are shown. */
    bool (*hear)(struct launch *launch, const char *line);
    /* Ends the VM, which the program's end alone does not. NULL: it does. Called once at most. */
    void (*end_vm)(struct launch *launch);
};

static inline bool launch_is_net(const struct launch_device *device)
{
    return device->kind != DEVICE_BLOCK && device->kind != DEVICE_RNG;
}

struct launch {
    const struct options *options;
    const struct launch_vmm *vmm;
    const char *machine; /* "microvm", "q35", "pc", "xen-pv", "xen-pvh", or NULL for other VMMs */
    bool kvm;            /* QEMU's accelerator; else its own emulation */
    struct image image;
    struct launch_device devices[OPTIONS_DEVICES_MAX];
    unsigned device_count;
    bool has_input; /* the guest gets standard input; under QEMU a device behind all others */
    struct launch_input input; /* while it runs */
    struct profile_file profile;
    uint64_t start_ns;   /* CLOCK_MONOTONIC */
    uint64_t running_ns; /* from when a time-out counts; 0: the guest does not run yet */

    /* What the VMM said of the guest's end: set by vmm->hear and vmm->end_vm. */
    bool guest_ended;   /* it runs no more; its last words may still be on their way */
    bool guest_crashed; /* the guest or the VMM called that a crash */
    int guest_status;   /* its status, -1: the VMM was told none */
    struct text report; /* for a crash that the guest did not report: the form of launch_log.h */

    /* How it ended, and what was counted. */
    const char *cause;
    int status;
    uint64_t written_bytes[3]; /* standard output, standard error, log */
    struct rusage usage;       /* of the VMM */
    bool counted;              /* the guest said its counters: */
    uint64_t kicks, upcalls, waits;
    bool pages_counted; /* under Xen, likewise: */
    struct launch_pages pages;
};

/*
 * Opens the image and reads the devices. With `check`, what the devices name must exist and be free
 * (tried, and let go again), as on the native interface. 0, or a negative errno with a printed
 * line.
 */
int launch_open(struct launch *launch, const struct options *options, const char *machine,
                bool check);
void launch_close(struct launch *launch);

/* Names of files that QEMU opens for the guest's channels. */
struct launch_channels {
    const char *out, *err, *log;
};

/* QEMU's command line, its name first. wall_ns 0: the guest asks the machine's clock. */
void launch_qemu_words(const struct launch *launch, const struct launch_channels *channels,
                       uint64_t wall_ns, struct words *to);

/* The kernel command line for this launch. */
void launch_cmdline(const struct launch *launch, uint64_t wall_ns, struct text *to);

/* Runs the VMM until the guest ends, the time is over or a signal comes; fills status and cause. */
void launch_run(struct launch *launch, char *const *words);

/* launch_xen.c: the configuration with which `xl create` starts the domain `name`. */
void launch_xen_config(const struct launch *launch, const char *name, uint64_t wall_ns,
                       struct text *to);

/* Runs launch_run and writes the statistics where that is asked for; the exit status. */
int launch_run_words(struct launch *launch, char *const *words);

/* --print: standard output gets the text. The exit status. */
int launch_print(const struct text *text);
uint64_t launch_wall_clock_ns(void);

/* Writes the statistics; launch_stats.c. */
void launch_stats_write(const struct launch *launch, int fd);

/* The channels as launch_run hands them to its child. */
extern const struct launch_channels launch_run_channels;

#endif
