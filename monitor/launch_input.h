/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Standard input for a foreign VMM, which gets it as its own. The device costs starting time, so
 * there is none where standard input is /dev/null, closed or a folder. Called by launch.c.
 */
#ifndef MONITOR_LAUNCH_INPUT_H
#define MONITOR_LAUNCH_INPUT_H

#include <stdbool.h>
#include <sys/types.h>

struct launch_input {
    int fd;      /* for the VMM; -1: there is no input */
    pid_t relay; /* a process that reads the terminal; 0: none */
};

bool launch_input_there(void);
/* 0 or a negative errno. */
int launch_input_open(struct launch_input *input);
void launch_input_close(struct launch_input *input);

#endif
