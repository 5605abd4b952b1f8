/* SPDX-License-Identifier: BSD-2-Clause */
/* Standard input for a VM's one console; see launch_console.h. */
#include "launch_console.h"

#include <errno.h>
#include <unistd.h>

#define INPUT_END 0x04

/* Nothing more comes: says so, once. */
static void end_input(struct launch_console *console)
{
    console->input = -1;
    if (console->end_told)
        return;
    console->waiting[0] = LAUNCH_SPLIT_ESCAPE;
    console->waiting[1] = INPUT_END;
    console->count = 2;
    console->end_told = true;
}

struct pollfd launch_console_poll(struct launch_console *console)
{
    if (console->fd < 0)
        return (struct pollfd){-1, 0, 0};
    if (console->done == console->count && console->split.asked && console->input < 0)
        end_input(console);
    if (console->done < console->count)
        return (struct pollfd){console->fd, POLLOUT, 0};
    return (struct pollfd){console->split.asked ? console->input : -1, POLLIN, 0};
}

static void read_input(struct launch_console *console)
{
    char bytes[LAUNCH_CONSOLE_ASKED_BYTES];
    ssize_t got = read(console->input, bytes, sizeof bytes);

    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    console->count = console->done = 0;
    if (got <= 0) {
        end_input(console);
        return;
    }
    console->split.asked--;
    for (ssize_t i = 0; i < got; i++) {
        if (bytes[i] == LAUNCH_SPLIT_ESCAPE)
            console->waiting[console->count++] = LAUNCH_SPLIT_ESCAPE;
        console->waiting[console->count++] = bytes[i];
    }
}

void launch_console_feed(struct launch_console *console)
{
    if (console->done == console->count) {
        read_input(console);
        return;
    }
    ssize_t put = write(console->fd, console->waiting + console->done,
                        console->count - console->done);
    if (put > 0)
        console->done += (size_t)put;
    else if (put == 0 || (errno != EINTR && errno != EAGAIN))
        console->done = console->count; /* the guest is gone; its output tells */
}
