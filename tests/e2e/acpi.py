# SPDX-License-Identifier: BSD-2-Clause
"""Devices, interrupts and power as ACPI names them, on machines that no launcher has cut down: QEMU's
options here are a user's own."""
import contextlib
import random

from boot import CONSOLE, qemu
from harness import BUILD, check, equal, folder, guest, run

MMIO = "virtio-blk-device"
PCI = "virtio-blk-pci"


@contextlib.contextmanager
def two_disks(device):
    """QEMU's options for blk0, which is filled, and blk1, and a check that one became the other."""
    with folder() as work:
        data = random.Random(2).randbytes(256 * 1024)
        (work / "source").write_bytes(data)
        (work / "target").write_bytes(b"\0" * len(data))
        options = []
        for name in ("source", "target"):
            options += ["-drive", f"file={work / name},format=raw,if=none,id={name}",
                        "-device", f"{device},drive={name}"]

        def copied(what):
            check((work / "target").read_bytes() == data, f"the copy differs: {what}")
        yield options, copied


def copy_on(machine, device, *more, options=CONSOLE):
    what = f"{machine} {device} {' '.join(more)}"
    with two_disks(device) as (disks, copied):
        status, out = qemu(*options, *disks, "-kernel", guest("blkcopy"), *more, machine=machine)
        equal(status, 1, f"status on {what} ({out})")
        copied(what)


def test_mmio():
    """virtio-mmio without a word on the command line, at the first and the second IO-APIC."""
    for machine in ("microvm", "microvm,ioapic2=on", "microvm,ioapic2=off"):
        for legacy in ("on", "off"):
            copy_on(f"{machine},acpi=on", MMIO, "-global", f"virtio-mmio.force-legacy={legacy}")


THIRD = """
#include <unistd.h>
int main(void)
{
    return access("/dev/blk1", F_OK) == 0 && access("/dev/blk2", F_OK) != 0 ? 0 : 1;
}
"""


def test_mmio_named_twice():
    """On the command line and in ACPI: taken once, so there is no third disk."""
    with two_disks(MMIO) as (disks, _), folder() as work:
        (work / "third.c").write_text(THIRD)
        built = run([str(BUILD / "coracle-cc"), "-o", str(work / "third"), str(work / "third.c")])
        equal(built.status, 0, built.err)
        for names in ("", "0xfeb02e00:47", "0xfeb02e00:47 0xfeb02c00:46"):
            words = " ".join(f"virtio_mmio.device=512@{name}" for name in names.split())
            status, out = qemu(*CONSOLE, *disks, "-kernel", str(work / "third"), "-append", words,
                               machine="microvm,acpi=on,ioapic2=on,auto-kernel-cmdline=off")
            equal(status, 1, f"status with {words!r} ({out})")


def test_pci_of_microvm():
    """The configuration window and the interrupts stand in the host bridge's object only."""
    for options in ("", ",vectors=0"):
        copy_on("microvm,acpi=on,pcie=on", PCI + options)


def test_interrupt_pins():
    """Without message-signalled interrupts, with firmware that routes the pins and one that does
    not."""
    for machine in ("q35", "pc"):
        for firmware in ((), ("-bios", "qboot.rom")):
            for form in ("disable-legacy=on", "disable-modern=on"):
                copy_on(machine, f"{PCI},{form},vectors=0", *firmware)


def test_interrupt_pins_behind_bridges():
    for machine, bridges in (
            ("q35", ("pcie-root-port,id=a,addr=5", "pcie-pci-bridge,id=far,bus=a")),
            ("pc", ("pci-bridge,id=a,chassis_nr=1,addr=5", "pci-bridge,id=far,bus=a,chassis_nr=2,addr=3"))):
        before = [word for bridge in bridges for word in ("-device", bridge)]
        copy_on(machine, f"{PCI},bus=far,vectors=0", options=CONSOLE + before)


def test_power_off():
    """Switched off, not reset: QEMU would start the program again."""
    for machine in ("microvm,acpi=on", "q35", "pc"):
        status, out = qemu("-action", "reboot=reset", "-serial", "stdio", "-kernel", guest("threads_preempt"),
                           machine=machine)
        equal(status, 0, f"status on {machine} ({out})")
        equal(out.count("ok"), 1, f"{machine}: {out}")
