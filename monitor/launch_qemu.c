/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes QEMU's command line for a launch. The machines are cut down to what the guest uses,
 * because each device that is not there makes the start shorter. Pure but for one look at which
 * firmware QEMU has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launch.h"
#include "launch_cmdline.h"
#include "launch_devices.h"

#define QEMU "qemu-system-x86_64"

/* RAM begins at 1 MiB, as on the native interface: what lies below is no part of --mem. */
#define LOW_MEMORY_BYTES (1ull << 20)

static const struct machine {
    const char *name;
    const char *option;
    bool mmio; /* virtio devices on its own bus, named on the kernel command line; else on PCI */
} machines[] = {
    {"microvm", "microvm,acpi=off,pic=off,pit=off,isa-serial=off,auto-kernel-cmdline=off", true},
    {"q35", "q35,sata=off,smbus=off,hpet=off,vmport=off", false},
    {"pc", "pc,hpet=off,vmport=off", false},
};

static const struct machine *find_machine(const char *name)
{
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++)
        if (!strcmp(machines[i].name, name))
            return &machines[i];
    return &machines[0];
}

/* A value inside an option of QEMU's: a comma is written twice. */
static void add_value(struct text *to, const char *value)
{
    for (; *value; value++) {
        if (*value == ',')
            text_add(to, ",", 1);
        text_add(to, value, 1);
    }
}

static void add_text(struct words *words, struct text *text)
{
    if (text->failed)
        words->failed = true;
    else
        words_add(words, "%s", text->bytes);
    text_free(text);
}

/*
 * qboot starts PCI machines three times as fast as SeaBIOS but gives PCI devices no addresses, so
 * it serves where there are no devices.
 */
static void add_firmware(const struct launch *launch, struct words *to)
{
    static const char *const places[] = {"/usr/share/qemu/qboot.rom",
                                         "/usr/local/share/qemu/qboot.rom"};

    for (size_t i = 0; i < sizeof places / sizeof places[0] && !launch->device_count; i++) {
        if (access(places[i], R_OK) == 0) {
            words_add(to, "-bios");
            words_add(to, "%s", places[i]);
            return;
        }
    }
}

static void add_machine(const struct launch *launch, const struct machine *machine, bool has_wall,
                        struct words *to)
{
    uint64_t bytes = launch->options->mem_bytes + LOW_MEMORY_BYTES;

    words_add(to, "-accel");
    words_add(to, launch->kvm ? "kvm" : "tcg");
    words_add(to, "-cpu");
    words_add(to, launch->kvm ? "host" : "max");
    words_add(to, "-machine");
    /* microvm's clock chip is the only one that can be left out. */
    words_add(to, "%s%s", machine->option, machine->mmio && has_wall ? ",rtc=off" : "");
    if (machine->mmio) {
        words_add(to, "-global");
        words_add(to, "virtio-mmio.force-legacy=off");
    } else {
        add_firmware(launch, to);
    }
    words_add(to, "-m");
    words_add(to, "%lluk", (unsigned long long)(bytes >> 10));
}

/* One console channel: a byte port whose output goes to a file. */
static void add_channel(const char *name, unsigned port, const char *path, struct words *to)
{
    struct text text = {0};

    text_format(&text, "file,id=%s,append=on,path=", name);
    add_value(&text, path);
    words_add(to, "-chardev");
    add_text(to, &text);
    words_add(to, "-device");
    words_add(to, "isa-debugcon,chardev=%s,iobase=0x%x,readback=0x%x", name, port, port);
}

static void add_disk(const struct launch_device *device, const char *bus, unsigned index,
                     struct words *to)
{
    struct text text = {0};

    text_format(&text, "driver=%s,node-name=blk%u,filename=",
                device->block_device ? "host_device" : "file", index);
    add_value(&text, device->name);
    text_format(&text, ",discard=unmap%s%s", device->read_only ? ",read-only=on" : "",
                device->direct ? ",cache.direct=on" : "");
    words_add(to, "-blockdev");
    add_text(to, &text);
    words_add(to, "-device");
    /* On a full disk QEMU would stop the VM without a word: the guest is to learn of the error. */
    words_add(to, "virtio-blk-%s,drive=blk%u,werror=report,rerror=report", bus, index);
}

static void add_net(const struct launch_device *device, const char *bus, unsigned index,
                    struct words *to)
{
    const uint8_t *mac = device->mac;
    struct text text = {0};

    if (device->kind == DEVICE_NET_TAP) {
        text_format(&text, "tap,id=net%u,script=no,downscript=no,ifname=", index);
        add_value(&text, device->name);
    } else {
        const char *at = device->forwards;
        unsigned host, guest;
        text_format(&text, "user,id=net%u", index);
        while (launch_next_forward(&at, &host, &guest))
            text_format(&text, ",hostfwd=tcp:127.0.0.1:%u-:%u", host, guest);
    }
    words_add(to, "-netdev");
    add_text(to, &text);
    text_format(&text, "virtio-net-%s,netdev=net%u,mac=%02x:%02x:%02x:%02x:%02x:%02x", bus, index,
                mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    if (device->mtu)
        text_format(&text, ",host_mtu=%u", device->mtu);
    words_add(to, "-device");
    add_text(to, &text);
}

/* QEMU's own source of numbers is the host's. */
static void add_rng(const char *bus, struct words *to)
{
    words_add(to, "-device");
    words_add(to, "virtio-rng-%s", bus);
}

/* The order of the options is that in which the guest finds the devices: on microvm by their place
 * on the bus, on PCI by their slot. */
static void add_devices(const struct launch *launch, const struct machine *machine,
                        struct words *to)
{
    unsigned disks = 0, nets = 0;
    char bus[64];

    for (unsigned i = 0; i < launch->device_count; i++) {
        const struct launch_device *device = &launch->devices[i];
        if (machine->mmio)
            snprintf(bus, sizeof bus, "device,bus=virtio-mmio-bus.%u", i);
        else
            snprintf(bus, sizeof bus, "pci,disable-legacy=on%s",
                     launch_is_net(device) ? ",romfile=" : "");
        if (device->kind == DEVICE_BLOCK)
            add_disk(device, bus, disks++, to);
        else if (device->kind == DEVICE_RNG)
            add_rng(bus, to);
        else
            add_net(device, bus, nets++, to);
    }
}

/* Standard input comes in by a port that its name tells, and that is closed at the end. QEMU writes
 * its standard output nothing that way: the guest does not write to the port. */
static void add_input(const struct launch *launch, const struct machine *machine, struct words *to)
{
    words_add(to, "-chardev");
    words_add(to, "stdio,id=in,signal=off");
    words_add(to, "-device");
    if (machine->mmio)
        words_add(to, "virtio-serial-device,max_ports=2,bus=virtio-mmio-bus.%u",
                  launch->device_count);
    else
        words_add(to, "virtio-serial-pci,max_ports=2,disable-legacy=on");
    words_add(to, "-device");
    words_add(to, "virtserialport,chardev=in,nr=1,name=coracle.stdin");
}

void launch_qemu_words(const struct launch *launch, const struct launch_channels *channels,
                       uint64_t wall_ns, struct words *to)
{
    const struct machine *machine = find_machine(launch->machine);
    const char *program = getenv("CORACLE_QEMU");
    struct text cmdline = {0};

    words_add(to, "%s", program && *program ? program : QEMU);
    for (const char *const *word = (const char *const[]){"-nodefaults", "-no-user-config",
                                                         "-display", "none", "-no-reboot", NULL};
         *word; word++)
        words_add(to, "%s", *word);
    add_machine(launch, machine, wall_ns != 0, to);
    add_channel("out", 0xe9, channels->out, to);
    add_channel("err", 0xea, channels->err, to);
    add_channel("log", 0xeb, channels->log, to);
    words_add(to, "-device");
    words_add(to, "isa-debug-exit,iobase=0x501,iosize=4");
    add_devices(launch, machine, to);
    if (launch->has_input)
        add_input(launch, machine, to);
    words_add(to, "-kernel");
    words_add(to, "%s", launch->image.path);
    launch_cmdline(launch, wall_ns, &cmdline);
    words_add(to, "-append");
    add_text(to, &cmdline);
}
