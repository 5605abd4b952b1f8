/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What joins the ring-0 platform and virtio's transports: looks at every place where a device can
 * be, when the program first asks for one. Each transport checks what it finds; here devices get
 * their class, their number, and network devices their address from the command line.
 */
#include "bare_buses.h"

#include "bare/bare.h"
#include "module_blk.h"
#include "virtio/wire.h"

static struct pv_device devices[PV_DEVICES_MAX];
static unsigned device_count;

bool bare_buses_wanted(uint32_t type)
{
    enum pv_class class;
    enum pv_family family;

    return virtio_class_of(type, &class, &family);
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

/* The next of its class; NULL when the table is full. */
static struct pv_device *device_add(enum pv_class class, enum pv_family family,
                                    const void *transport)
{
    struct pv_device *device = &devices[device_count];

    if (device_count == PV_DEVICES_MAX) {
        bare_say("boot: there are more devices than the table holds\n");
        return NULL;
    }
    *device = (struct pv_device){.class = class, .family = family, .transport = transport};
    for (unsigned i = 0; i < device_count; i++)
        if (devices[i].class == class)
            device->index++;
    device_count++;
    return device;
}

void bare_buses_found(uint32_t type, const struct virtio_transport *transport)
{
    struct pv_device *device;
    enum pv_class class;
    enum pv_family family;

    if (!virtio_class_of(type, &class, &family))
        return;
    device = device_add(class, family, transport);
    if (device != NULL)
        net_address_set(device);
}

/* What the boot loader brought along becomes disks, after the real ones. */
static void modules_find(void)
{
    static struct module_blk modules[BARE_MODULES_MAX];

    for (unsigned i = 0; i < bare_info.module_count; i++) {
        unsigned event = bare_events_take(1);

        modules[i] = (struct module_blk){(const void *)bare_info.modules[i].begin,
                                         bare_info.modules[i].end - bare_info.modules[i].begin,
                                         event};
        if (event != 0)
            device_add(PV_BLK, PV_FAMILY_MODULE, &modules[i]);
    }
}

void bare_buses_attached(unsigned number, struct pv_console *console)
{
    devices[number].console = console;
}

const struct pv_device *bare_devices(unsigned *count)
{
    static bool looked;

    if (!looked) {
        looked = true;
        bare_mmio_find(&bare_host);
        bare_pci_find(&bare_host);
        modules_find();
    }
    *count = device_count;
    return devices;
}
