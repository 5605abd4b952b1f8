/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands, called by main.c. Each returns the command's exit status. */
#ifndef MONITOR_RUN_H
#define MONITOR_RUN_H

#include "options.h"

int run_somewhere(const struct options *options); /* where --on says, or where it can be */
int run_native(const struct options *options);
int run_qemu(const struct options *options, const char *machine);
int run_xen(const struct options *options, const char *type);
int print_firecracker_config(const struct options *options);
int make_disk_image(const struct options *options);
/* bench_boot.c; argv are the words of the command line, which the boots get. */
int bench_boot(const struct options *options, char **argv);
int inspect_image(const char *path);
int inspect_profile(const char *path, const char *profile);

#endif
