/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line, read without side effects: nothing is opened here, so that the tests and the
 * fuzzer call it as it is. Strings point into argv.
 */
#ifndef MONITOR_OPTIONS_H
#define MONITOR_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPTIONS_ENV_MAX 256u
#define OPTIONS_DEVICES_MAX 30u /* the console and one to spare in PVN_DEVICES_MAX */
#define OPTIONS_ERROR_MAX 256u
#define OPTIONS_MEM_DEFAULT (32ull << 20)
#define OPTIONS_PROFILE_HZ_DEFAULT 499u /* keeps no step with what happens each 10 ms */
#define OPTIONS_PROFILE_HZ_MAX 10000
#define OPTIONS_WATCHDOG_MAX 86400 /* seconds */
#define OPTIONS_POLL_US_MAX 100000
#define OPTIONS_POLL_US_OWN UINT32_MAX /* the monitor's own choice (record.c) */

#define BENCH_RUNS_DEFAULT 20u
#define BENCH_RUNS_MAX 100000

enum command {
    COMMAND_RUN,
    COMMAND_INSPECT,
    COMMAND_FIRECRACKER,
    COMMAND_IMAGE,
    COMMAND_BENCH,
    COMMAND_HELP,
    COMMAND_VERSION
};
enum device_kind {
    DEVICE_NET_USER,
    DEVICE_NET_TAP,
    DEVICE_NET_BRIDGE,
    DEVICE_NET_ADDRESS,
    DEVICE_BLOCK,
    DEVICE_RNG
};

struct device_option {
    enum device_kind kind;
    const char *
        spec; /* what follows `--blk `, `--net user,`, `--net tap:`, `--net bridge:`; image: `--net ` */
};

struct options {
    enum command command;
    uint64_t mem_bytes;  /* whole pages */
    uint64_t timeout_ns; /* 0: none */
    uint32_t watchdog_s; /* 0: none */
    uint32_t poll_us;    /* that a guest may look for a disk's answer before it sleeps */
    const char *stats;   /* path, "-" for standard error, or NULL */
    const char *profile; /* run: path of the profile to write, inspect: to read; or NULL */
    uint32_t profile_hz; /* samples a second */
    const char *on;      /* NULL: native where it can be, else the name of a hypervisor */
    const char *accel;   /* NULL: the better one, else "kvm" or "tcg" */
    bool print;          /* the VMM's command line instead of running it */
    int boot_trace;      /* descriptor for boot_trace.h, or -1 */
    unsigned runs;       /* bench: how many boots */
    const char *http;    /* bench: [ADDRESS:]PORT[/PATH] that answers, or NULL */
    const char *svg;     /* bench: the picture to write, or NULL */
    bool json;           /* bench: instead of the table */
    const char *disk;    /* image: the file to make, or NULL */
    const char *env[OPTIONS_ENV_MAX];
    unsigned env_count;
    struct device_option devices[OPTIONS_DEVICES_MAX];
    unsigned device_count;
    char **args; /* the image's name and the program's arguments */
    unsigned arg_count;
};

/*
 * Returns 0, or -EINVAL with one line in `error` (without the leading "coracle: ").
 */
int options_parse(int argc, char **argv, struct options *options, char error[OPTIONS_ERROR_MAX]);

extern const char options_help[];

#endif
