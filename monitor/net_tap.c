/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tap backend: frames move directly between an existing tap interface of the host and the
 * guest's buffers. While the guest has no receive buffers, frames wait in the interface's queue.
 * Relies on net.c for the rings; runs on the loop's thread.
 */
#include "backends.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend.h"
#include "iov.h"
#include "loop.h"
#include "net.h"

struct tap {
    struct net net; /* first */
    int fd;
    bool gone;
    char *value; /* "tap:..." as typed, owned, for messages */
};

static bool tap_transmit(struct net *net, const struct virtio_net_hdr_mrg_rxbuf *header,
                         struct iovec *segments, unsigned count, uint32_t bytes)
{
    struct tap *tap = (struct tap *)net;
    struct virtio_net_hdr_mrg_rxbuf copy = *header;
    struct iovec all[NET_QUEUE_SIZE + 1];

    (void)bytes;
    all[0] = (struct iovec){&copy, sizeof(copy)};
    memcpy(&all[1], segments, count * sizeof(*segments));
    /* A full queue, an interface that is down, offsets that make no sense: the frame is lost, as
     * frames are. */
    return writev(tap->fd, all, (int)count + 1) >= 0;
}

/* The interface was removed, or its queue taken away: say so, and serve the rest of the VM. */
static void tap_gone(struct tap *tap, int error)
{
    tap->gone = true;
    loop_unwatch(tap->net.loop, tap->fd);
    backend_complain("--net", tap->value, "receiving stops: %s", strerror(error));
}

/* One frame into the guest's buffers. 1, 0 when there is none now, or a negative errno. */
static int tap_receive(struct tap *tap)
{
    struct net *net = &tap->net;
    struct virtio_net_hdr_mrg_rxbuf header = {0};
    struct iovec room[NET_ROOM_SEGMENTS], all[NET_ROOM_SEGMENTS + 2];
    uint8_t spill; /* shows that a frame was longer than the room */
    uint32_t room_bytes;
    unsigned count;
    const struct iovec *payload = net_room(net, room, &count, &room_bytes);
    ssize_t got;

    all[0] = (struct iovec){&header, sizeof(header)};
    memcpy(&all[1], payload, count * sizeof(all[0]));
    all[count + 1] = (struct iovec){&spill, sizeof(spill)};

    got = readv(tap->fd, all, (int)count + 2);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    if ((size_t)got < sizeof(header) || (size_t)got - sizeof(header) > room_bytes) {
        net->counters.rx_dropped++;
        return 1;
    }
    net_finish_rx(net, &header, (uint32_t)((size_t)got - sizeof(header)));
    return 1;
}

static void tap_on_readable(void *context, uint32_t epoll_events)
{
    struct tap *tap = context;
    int result = 1;

    (void)epoll_events;
    for (unsigned left = NET_BATCH_MAX; result > 0 && left > 0; left--) {
        if (!net_hold_rx(&tap->net)) {
            loop_change(tap->net.loop, tap->fd, 0); /* until the guest rings */
            break;
        }
        result = tap_receive(tap);
    }
    if (tap->net.began && !tap->net.device.failed)
        backend_publish(&tap->net.device, NET_RX);
    if (result < 0)
        tap_gone(tap, -result);
}

/* The host's kernel hands over what the driver has said it can take. */
static void tap_offload(struct tap *tap)
{
    uint64_t accepted = tap->net.accepted;
    unsigned offload = 0;

    if ((accepted & 1ull << VIRTIO_NET_F_GUEST_CSUM) != 0) {
        offload = TUN_F_CSUM;
        if ((accepted & 1ull << VIRTIO_NET_F_GUEST_TSO4) != 0)
            offload |= TUN_F_TSO4;
        if ((accepted & 1ull << VIRTIO_NET_F_GUEST_TSO6) != 0)
            offload |= TUN_F_TSO6;
    }
    if (ioctl(tap->fd, TUNSETOFFLOAD, offload) < 0 && offload)
        backend_complain("--net", tap->value, "offload: %s", strerror(errno));
}

static void tap_kick(struct device *device, unsigned queue)
{
    struct tap *tap = (struct tap *)device;
    bool first;

    if (!net_begin(&tap->net, &first))
        return;
    if (first)
        tap_offload(tap);
    if (queue == NET_TX) {
        net_run_tx(&tap->net);
    } else if (!tap->gone) {
        loop_change(tap->net.loop, tap->fd, EPOLLIN);
        tap_on_readable(tap, 0);
    }
}

static int tap_start(struct device *device, struct loop *loop)
{
    struct tap *tap = (struct tap *)device;
    int result;

    tap->net.loop = loop;
    /* Paused: the guest's first doorbell for its receive queue starts it. */
    result = loop_watch(loop, tap->fd, 0, tap_on_readable, tap);
    if (result < 0)
        backend_complain("--net", tap->value, "%s", strerror(-result));
    return result;
}

static void tap_destroy(struct device *device)
{
    struct tap *tap = (struct tap *)device;

    if (tap->fd >= 0)
        close(tap->fd);
    free(tap->value);
    free(tap);
}

static const struct device_ops tap_ops = {
    .name = "tap",
    .start = tap_start,
    .kick = tap_kick,
    .stats = net_stats,
    .destroy = tap_destroy,
};

/* Attaches to the interface, which must exist: TUNSETIFF alone would create it. */
static int tap_attach(struct tap *tap, const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    int header_bytes = NET_HEADER_BYTES;
    int error;

    if (if_nametoindex(name) == 0) {
        backend_complain("--net", tap->value,
                         "there is no interface %s (ip tuntap add %s mode tap)", name, name);
        return -ENODEV;
    }
    tap->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tap->fd < 0) {
        error = errno;
        backend_complain("--net", tap->value, "/dev/net/tun: %s", strerror(error));
        return -error;
    }
    memcpy(request.ifr_name, name, strlen(name) + 1);
    if (ioctl(tap->fd, TUNSETIFF, &request) < 0 ||
        ioctl(tap->fd, TUNSETVNETHDRSZ, &header_bytes) < 0) {
        error = errno;
        backend_complain("--net", tap->value, "%s: %s", name,
                         error == EINVAL  ? "not a tap interface (with one queue)"
                         : error == EBUSY ? "in use by another program"
                                          : strerror(error));
        return -error;
    }
    return 0;
}

/* The guest's hardware address is the interface's own with one bit turned: as unique as that one
 * on its network, and the same each time. */
static int tap_describe(struct tap *tap, const char *name)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq hardware = {0}, mtu = {0};
    uint8_t mac[6];
    int result = 0;

    memcpy(hardware.ifr_name, name, strlen(name) + 1);
    memcpy(mtu.ifr_name, name, strlen(name) + 1);
    if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &hardware) < 0 || ioctl(fd, SIOCGIFMTU, &mtu) < 0) {
        result = -errno;
        backend_complain("--net", tap->value, "%s: %s", name, strerror(-result));
        goto out;
    }
    memcpy(mac, hardware.ifr_hwaddr.sa_data, sizeof(mac));
    mac[0] = (uint8_t)(((mac[0] ^ 0x40) & ~1u) | 2u); /* unicast, locally administered */
    net_configure(&tap->net, mac, (uint16_t)(mtu.ifr_mtu < 65535 ? mtu.ifr_mtu : 65535),
                  1ull << VIRTIO_NET_F_CSUM | 1ull << VIRTIO_NET_F_GUEST_CSUM | NET_LARGE_FEATURES);

out:
    if (fd >= 0)
        close(fd);
    return result;
}

static int tap_parse(struct tap *tap, const char *spec, char name[IFNAMSIZ])
{
    size_t length = strcspn(spec, ",");
    char *value;

    if (asprintf(&value, "tap:%s", spec) < 0)
        return -ENOMEM;
    tap->value = value;
    if (length == 0 || length >= IFNAMSIZ) {
        backend_complain("--net", value, "this is no name of an interface");
        return -EINVAL;
    }
    memcpy(name, spec, length);
    name[length] = '\0';
    if (spec[length] == ',')
        return net_parse_address(value, spec + length + 1, &tap->net.device.net);
    return 0;
}

int net_tap_open(const char *spec, struct device **out)
{
    struct tap *tap = calloc(1, sizeof(*tap));
    char name[IFNAMSIZ];
    int result;

    if (tap == NULL) {
        backend_complain("--net", spec, "out of memory");
        return -ENOMEM;
    }
    tap->fd = -1;
    tap->net.transmit = tap_transmit;
    tap->net.device.ops = &tap_ops;
    result = tap_parse(tap, spec, name);
    if (result == 0)
        result = tap_attach(tap, name);
    if (result == 0)
        result = tap_describe(tap, name);
    if (result < 0) {
        tap_destroy(&tap->net.device);
        return result;
    }
    *out = &tap->net.device;
    return 0;
}
