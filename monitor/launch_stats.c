/* SPDX-License-Identifier: BSD-2-Clause */
/* --stats for a foreign VMM: what can be told from outside. docs/coracle.1 lists the members. */
#include "event.h"
#include "json.h"
#include "launch.h"
#include "vm.h"

void launch_stats_write(const struct launch *launch, int fd)
{
    static const char *const names[] = {"stdout", "stderr", "log"};
    struct json json = {0};

    json_open_object(&json, NULL);
    json_string(&json, "image", launch->image.path);
    json_string(&json, "on", launch->machine);
    if (!launch->vmm->one_console)
        json_string(&json, "accel", launch->kvm ? "kvm" : "tcg");
    json_string(&json, "cause", launch->cause);
    json_u64(&json, "status", (uint64_t)launch->status);
    json_u64(&json, "mem_bytes", launch->options->mem_bytes);
    json_open_object(&json, "written_bytes");
    for (unsigned i = 0; i < CHANNEL_COUNT; i++)
        json_u64(&json, names[i], launch->written_bytes[i]);
    json_close_object(&json);
    if (launch->counted) {
        json_u64(&json, "kicks", launch->kicks);
        json_u64(&json, "upcalls", launch->upcalls);
        json_u64(&json, "waits", launch->waits);
    }
    if (launch->pages_counted) {
        json_open_object(&json, "pages");
        json_u64(&json, "granted", launch->pages.granted);
        json_u64(&json, "kept", launch->pages.kept);
        json_u64(&json, "given", launch->pages.given);
        json_u64(&json, "leaked", launch->pages.leaked);
        json_close_object(&json);
    }
    stats_add_usage(&json, &launch->usage);
    if (launch->vmm->one_console && launch->running_ns)
        json_u64(&json, "start_to_guest_ns", launch->running_ns - launch->start_ns);
    json_u64(&json, "start_to_end_ns", monotonic_ns() - launch->start_ns);
    json_close_object(&json);
    stats_put(&json, launch->options->stats, fd);
    json_free(&json);
}
