/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads --net and --blk for a foreign VMM with the native backends' own code, so that the same
 * values are accepted and the same mistakes are named. Devices are opened to see that they are
 * there and free, and closed again: the VMM opens them for itself.
 */
#include "launch_devices.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend.h"
#include "backends.h"
#include "device.h"
#include "disk.h"
#include "net.h"

/* The network behind user-mode translation is that of libslirp and QEMU: 10.0.2.0/24. */
static const struct pvn_net_address user_address = {
    .ip4 = {10, 0, 2, 15},
    .gateway4 = {10, 0, 2, 2},
    .dns4 = {10, 0, 2, 3},
    .prefix4 = 24,
};

static int read_disk(struct launch_device *device, const char *spec, bool check)
{
    struct disk disk = {.fd = -1};
    int result = check ? disk_open(&disk, spec) : disk_split_spec(&disk, spec);

    if (!result) {
        device->read_only = disk.read_only;
        device->block_device = disk.block_device;
        device->direct = disk.direct;
        device->name = strdup(disk.name);
        result = device->name ? 0 : -ENOMEM;
    }
    disk_close(&disk);
    return result;
}

static int read_tap(struct launch_device *device, const char *spec, bool check)
{
    size_t length = strcspn(spec, ",");
    struct virtio_net_config config;
    struct device *tap;
    char value[256];

    device->name = strndup(spec, length);
    if (!device->name)
        return -ENOMEM;
    if (!check) {
        snprintf(value, sizeof value, "tap:%s", spec);
        return spec[length] ? net_parse_address(value, spec + length + 1, &device->net) : 0;
    }
    int result = net_tap_open(spec, &tap);
    if (result)
        return result;
    memcpy(&config, tap->config,
           sizeof config < sizeof tap->config ? sizeof config : sizeof tap->config);
    memcpy(device->mac, config.mac, sizeof device->mac);
    device->mtu = config.mtu; /* little-endian, as this host is */
    device->net = tap->net;
    tap->ops->destroy(tap);
    return 0;
}

/* NAME[,ip=...] of a bridge, which the VMM puts an interface of its own on. */
static int read_bridge(struct launch_device *device, const char *spec, bool check)
{
    size_t length = strcspn(spec, ",");
    char value[256], path[256];

    snprintf(value, sizeof value, "bridge:%s", spec);
    device->name = strndup(spec, length);
    if (!device->name)
        return -ENOMEM;
    snprintf(path, sizeof path, "/sys/class/net/%s/bridge", device->name);
    if (strchr(device->name, '/') || (check && access(path, F_OK))) {
        backend_complain("--net", value, "there is no bridge %s", device->name);
        return -ENODEV;
    }
    return spec[length] ? net_parse_address(value, spec + length + 1, &device->net) : 0;
}

/* Takes the port as QEMU will, so that a taken one is named now. The descriptor or -errno. */
static int take_port(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, error;

    if (fd < 0)
        return -errno;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (!bind(fd, (struct sockaddr *)&address, sizeof address) && !listen(fd, 1))
        return fd;
    error = errno;
    close(fd);
    return -error;
}

bool launch_next_forward(const char **at, unsigned *host, unsigned *guest)
{
    char *end;

    if (**at < '0' || **at > '9')
        return false;
    unsigned long first = strtoul(*at, &end, 10), second;
    if (*end != ':' || end[1] < '0' || end[1] > '9')
        return false;
    second = strtoul(end + 1, &end, 10);
    if (first < 1 || first > 65535 || second < 1 || second > 65535 || (*end && *end != ','))
        return false;
    if (*end == ',' && !end[1])
        return false;
    *host = (unsigned)first;
    *guest = (unsigned)second;
    *at = *end ? end + 1 : end;
    return true;
}

static int read_user(struct launch_device *device, const char *spec, bool check,
                     struct ports *ports)
{
    const char *at = spec;
    unsigned host, guest;
    char value[256];

    snprintf(value, sizeof value, "user%s%s", *spec ? "," : "", spec);
    device->name = strdup("");
    device->forwards = spec;
    device->net = user_address;
    while (*at) {
        if (!launch_next_forward(&at, &host, &guest)) {
            backend_complain("--net", value, "a forward is HOST:GUEST, ports of 1 to 65535");
            return -EINVAL;
        }
        if (!check)
            continue;
        int fd = ports->count < PORTS_MAX ? take_port(host) : -EMFILE;
        if (fd < 0) {
            backend_complain("--net", value, "port %u of 127.0.0.1: %s", host,
                             fd == -EADDRINUSE ? "in use by another program" : strerror(-fd));
            return fd;
        }
        ports->fds[ports->count++] = fd;
    }
    return device->name ? 0 : -ENOMEM;
}

int launch_read_devices(struct launch *launch, bool check)
{
    const struct options *options = launch->options;
    struct ports ports = {.count = 0};
    unsigned nets = 0;
    int result = 0;

    for (unsigned i = 0; i < options->device_count && !result; i++) {
        struct launch_device *device = &launch->devices[launch->device_count++];
        const char *spec = options->devices[i].spec;

        device->kind = options->devices[i].kind;
        if (device->kind == DEVICE_RNG)
            continue;
        if (device->kind == DEVICE_BLOCK) {
            result = read_disk(device, spec, check);
            continue;
        }
        /* What a tap does not say: locally administered, another one for each device. */
        memcpy(device->mac, (uint8_t[]){2, 0, 10, 0, 2, (uint8_t)(15 + nets++)}, 6);
        if (device->kind == DEVICE_NET_TAP)
            result = read_tap(device, spec, check);
        else if (device->kind == DEVICE_NET_BRIDGE)
            result = read_bridge(device, spec, check);
        else
            result = read_user(device, spec, check, &ports);
    }
    for (unsigned i = 0; i < ports.count; i++)
        close(ports.fds[i]);
    return result;
}

int launch_refuse_direct(const struct launch *launch, const char *vmm)
{
    for (unsigned i = 0; i < launch->device_count; i++) {
        if (!launch->devices[i].direct)
            continue;
        backend_complain("--blk", launch->devices[i].name, "%s has no option like direct", vmm);
        return -EINVAL;
    }
    return 0;
}
