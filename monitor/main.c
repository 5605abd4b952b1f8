/* SPDX-License-Identifier: BSD-2-Clause */
/* The command `coracle`: reads the command line and calls what it names. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "boot_trace.h"
#include "options.h"
#include "run.h"
#include "say.h"

#ifndef CORACLE_VERSION
#define CORACLE_VERSION "0.1"
#endif

/* A descriptor of ours must not become somebody's standard output: closed ones lead nowhere. */
static void open_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            open("/dev/null", fd ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
    static struct options options;
    char error[OPTIONS_ERROR_MAX];

    open_standard_descriptors();
    if (options_parse(argc, argv, &options, error)) {
        say("%s", error);
        return STATUS_USAGE;
    }
    switch (options.command) {
    case COMMAND_HELP:
        return fputs(options_help, stdout) < 0 || fflush(stdout) ? STATUS_MONITOR : 0;
    case COMMAND_VERSION:
        return puts("coracle " CORACLE_VERSION) < 0 || fflush(stdout) ? STATUS_MONITOR : 0;
    case COMMAND_INSPECT:
        return options.profile ? inspect_profile(options.args[0], options.profile)
                               : inspect_image(options.args[0]);
    case COMMAND_BENCH:
        return bench_boot(&options, argv);
    case COMMAND_RUN:
        if (options.boot_trace >= 0 && boot_trace_open(options.boot_trace))
            return STATUS_USAGE;
        boot_trace_mark(BOOT_COMMAND);
        return run_somewhere(&options);
    case COMMAND_FIRECRACKER:
        return print_firecracker_config(&options);
    case COMMAND_IMAGE:
        return make_disk_image(&options);
    }
    return STATUS_MONITOR;
}
