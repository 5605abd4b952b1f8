/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands, called by main.c. Each returns the command's exit status. */
#ifndef MONITOR_RUN_H
#define MONITOR_RUN_H

#include "options.h"

int run_native(const struct options *options);
int inspect_image(const char *path);

#endif
