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

static bool class_of(uint32_t type, enum pv_class *class)
{
    switch (type) {
    case VIRTIO_ID_NET:
        *class = PV_NET;
        return true;
    case VIRTIO_ID_BLOCK:
        *class = PV_BLK;
        return true;
    case VIRTIO_ID_CONSOLE:
        *class = PV_CONSOLE;
        return true;
    case VIRTIO_ID_ENTROPY:
        *class = PV_RNG;
        return true;
    default:
        return false;
    }
}

bool bare_buses_wanted(uint32_t type)
{
    enum pv_class class;

    return class_of(type, &class);
}

void bare_buses_found(uint32_t type, const struct virtio_transport *transport)
{
    struct pv_device *device = &devices[device_count];
    enum pv_class class;

    if (!class_of(type, &class))
        return;
    if (device_count == PV_DEVICES_MAX) {
        bare_say("boot: there are more devices than the table holds\n");
        return;
    }
    *device = (struct pv_device){
        .class = class, .family = PV_FAMILY_VIRTIO, .transport = transport};
    for (unsigned i = 0; i < device_count; i++)
        if (devices[i].class == class)
            device->index++;
    if (class == PV_NET)
        device->net = pv_cmdline_net_address(device->index);
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
