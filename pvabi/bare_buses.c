/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What joins the ring-0 platform and virtio's transports: looks at every place where a device can
 * be, when the program first asks for one. Each transport checks what it finds; here devices get
 * their class, their number, and network devices their address from the command line.
 */
#include "bare_buses.h"

#include "bare/bare.h"
#include "virtio/wire.h"

static struct pv_device devices[PV_DEVICES_MAX];
static unsigned device_count;

/* The devices that are of use, by their virtio device id. */
static const struct kind {
    uint32_t type;
    enum pv_class class;
    enum pv_family family;
} kinds[] = {
    {VIRTIO_ID_NET, PV_NET, PV_FAMILY_VIRTIO},
    {VIRTIO_ID_BLOCK, PV_BLK, PV_FAMILY_VIRTIO},
    {VIRTIO_ID_CONSOLE, PV_CONSOLE, PV_FAMILY_VIRTIO},
    {VIRTIO_ID_ENTROPY, PV_RNG, PV_FAMILY_VIRTIO},
    {VIRTIO_ID_SCSI, PV_BLK, PV_FAMILY_VIRTIO_SCSI},
};

static const struct kind *kind_of(uint32_t type)
{
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].type == type)
            return &kinds[i];
    return NULL;
}

bool bare_buses_wanted(uint32_t type)
{
    return kind_of(type) != NULL;
}

static void net_address_set(struct pv_device *device)
{
    const struct bare_net *given;

    if (device->class != PV_NET || device->index >= BARE_NETS_MAX)
        return;
    given = &bare_cmdline.net[device->index];
    __builtin_memcpy(device->net.ip4, given->ip4, sizeof(device->net.ip4));
    __builtin_memcpy(device->net.gateway4, given->gateway4, sizeof(device->net.gateway4));
    __builtin_memcpy(device->net.dns4, given->dns4, sizeof(device->net.dns4));
    device->net.prefix4 = given->prefix4;
}

void bare_buses_found(uint32_t type, const struct virtio_transport *transport)
{
    struct pv_device *device = &devices[device_count];
    const struct kind *kind = kind_of(type);

    if (kind == NULL)
        return;
    if (device_count == PV_DEVICES_MAX) {
        bare_say("boot: there are more devices than the table holds\n");
        return;
    }
    *device = (struct pv_device){
        .class = kind->class, .family = kind->family, .transport = transport};
    for (unsigned i = 0; i < device_count; i++)
        if (devices[i].class == kind->class)
            device->index++;
    net_address_set(device);
    device_count++;
}

const struct pv_device *bare_devices(unsigned *count)
{
    static bool looked;

    if (!looked) {
        looked = true;
        bare_mmio_find(&bare_host);
        bare_pci_find(&bare_host);
    }
    *count = device_count;
    return devices;
}
