/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `coracle firecracker-config IMAGE`: the configuration file with which Firecracker boots the
 * image, as JSON on standard output. Disks and taps are named, not opened: they may be another
 * machine's.
 */
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "launch.h"
#include "launch_devices.h"
#include "run.h"
#include "say.h"

#define MIB (1ull << 20)

static bool serves(const struct options *options)
{
    for (unsigned i = 0; i < options->device_count; i++) {
        enum device_kind kind = options->devices[i].kind;
        if (kind == DEVICE_NET_USER || kind == DEVICE_NET_BRIDGE) {
            say("--net %s: Firecracker has taps only (--net tap:IFNAME)",
                kind == DEVICE_NET_USER ? "user" : "bridge");
            return false;
        }
    }
    return true;
}

static void add_disks(const struct launch *launch, struct json *json)
{
    char name[16];
    unsigned count = 0;

    json_open_array(json, "drives");
    for (unsigned i = 0; i < launch->device_count; i++) {
        const struct launch_device *device = &launch->devices[i];
        if (device->kind != DEVICE_BLOCK)
            continue;
        snprintf(name, sizeof name, "blk%u", count++);
        json_open_object(json, NULL);
        json_string(json, "drive_id", name);
        json_string(json, "path_on_host", device->name);
        json_bool(json, "is_root_device", false);
        json_bool(json, "is_read_only", device->read_only);
        json_close_object(json);
    }
    json_close_array(json);
}

static void add_nets(const struct launch *launch, struct json *json)
{
    char name[16], mac[24];
    unsigned count = 0;

    json_open_array(json, "network-interfaces");
    for (unsigned i = 0; i < launch->device_count; i++) {
        const struct launch_device *device = &launch->devices[i];
        const uint8_t *bytes = device->mac;
        if (!launch_is_net(device))
            continue;
        snprintf(name, sizeof name, "net%u", count++);
        snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2],
                 bytes[3], bytes[4], bytes[5]);
        json_open_object(json, NULL);
        json_string(json, "iface_id", name);
        json_string(json, "host_dev_name", device->name);
        json_string(json, "guest_mac", mac);
        json_close_object(json);
    }
    json_close_array(json);
}

static void add_rng(const struct launch *launch, struct json *json)
{
    for (unsigned i = 0; i < launch->device_count; i++) {
        if (launch->devices[i].kind == DEVICE_RNG) {
            json_open_object(json, "entropy");
            json_close_object(json);
        }
    }
}

/* Memory in whole MiB, and the first one, which the guest does not use, on top. */
static void add_all(const struct launch *launch, const char *cmdline, struct json *json)
{
    json_open_object(json, NULL);
    json_open_object(json, "boot-source");
    json_string(json, "kernel_image_path", launch->image.path);
    json_string(json, "boot_args", cmdline);
    json_close_object(json);
    add_disks(launch, json);
    add_nets(launch, json);
    add_rng(launch, json);
    json_open_object(json, "machine-config");
    json_u64(json, "vcpu_count", 1);
    json_u64(json, "mem_size_mib", (launch->options->mem_bytes + MIB - 1) / MIB + 1);
    json_close_object(json);
    json_close_object(json);
}

int print_firecracker_config(const struct options *options)
{
    static struct launch launch;
    struct text cmdline = {0};
    struct json json = {0};
    int status = 0;

    if (!serves(options))
        return STATUS_USAGE;
    if (launch_open(&launch, options, NULL, false) ||
        launch_refuse_direct(&launch, "Firecracker")) {
        launch_close(&launch);
        return STATUS_USAGE;
    }
    launch_cmdline(&launch, 0, &cmdline);
    add_all(&launch, cmdline.failed ? "" : cmdline.bytes, &json);
    const char *text = json_text(&json);
    if (cmdline.failed || !text || puts(text) < 0 || fflush(stdout)) {
        say("firecracker-config: standard output cannot be written");
        status = STATUS_MONITOR;
    }
    json_free(&json);
    text_free(&cmdline);
    launch_close(&launch);
    return status;
}
