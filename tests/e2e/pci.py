# SPDX-License-Identifier: BSD-2-Clause
"""virtio over PCI on real machines: modern, transitional and legacy devices, with a message for each
queue, one for all, or the interrupt line, with firmware that assigns addresses and with one that
does not. A program stands in QEMU's place and changes what the launcher says of the devices."""
import contextlib
import os
import random
import shutil

from harness import (BUILD, Machine, app, check, coracle, equal, folder, free_port, guest,
                     wait_http)

SITE = BUILD / "site.tar"

# What stands in place of "disable-legacy=on", and the firmware (None: the machine's own).
VARIANTS = (
    ("q35", "disable-legacy=on", None),
    ("q35", "disable-modern=on", None),
    ("q35", "disable-legacy=off", None),
    ("q35", "disable-legacy=on,vectors=0", None),
    ("q35", "disable-modern=on,vectors=0", None),
    ("q35", "disable-legacy=on,vectors=1", None),
    ("q35", "disable-modern=on,vectors=1", None),
    ("q35", "disable-legacy=off,modern-pio-notify=on", None),
    ("q35", "disable-legacy=on,iommu_platform=on", None),
    ("q35", "disable-legacy=off", "qboot.rom"),
    ("pc", "disable-legacy=on", None),
    ("pc", "disable-modern=on", None),
    ("pc", "disable-legacy=on,vectors=0", None),
    ("pc", "disable-modern=on,vectors=0", None),
    ("pc", "disable-legacy=off", "qboot.rom"),
)


@contextlib.contextmanager
def qemu_with(change, firmware=None, before=""):
    """An environment whose QEMU has its words changed (sh's ${...} for each of them)."""
    with folder() as work:
        program = work / "qemu"
        bios = f"-bios {firmware}" if firmware else ""
        program.write_text(f'#!/bin/bash\nexec {shutil.which("qemu-system-x86_64")} {before} '
                           f'"${{@/{change}}}" {bios}\n')
        program.chmod(0o755)
        yield work, {**os.environ, "CORACLE_QEMU": str(program)}


def devices_with(options):
    return f"disable-legacy=on/{options}"


def copy_through(machine, options, firmware=None, before=""):
    """blkcopy reads one disk and writes the other."""
    what = f"{machine} {options} {firmware} {before}"
    with qemu_with(devices_with(options), firmware, before) as (work, environment):
        source, target = work / "source", work / "target"
        data = random.Random(1).randbytes(512 * 1024 + 512)
        source.write_bytes(data)
        target.write_bytes(b"\0" * len(data))
        result = coracle("--on", machine, "--accel", "tcg", "--blk", f"{source},ro", "--blk",
                         target, guest("blkcopy"), env=environment)
        equal(result.status, 0, f"status with {what} ({result.err})")
        check(target.read_bytes() == data, f"the copy differs with {what}")


def test_disks():
    for variant in VARIANTS:
        copy_through(*variant)


def test_disks_behind_a_bridge():
    """The firmware numbers the bridge's bus and opens its windows."""
    copy_through("q35", "disable-legacy=on,bus=far", before="-device pcie-pci-bridge,id=far")
    copy_through("pc", "disable-legacy=on,bus=far", before="-device pci-bridge,id=far,chassis_nr=1")


def test_net():
    for machine, options, firmware in VARIANTS:
        what = f"{machine} {options} {firmware}"
        port = free_port()
        with (qemu_with(devices_with(options), firmware) as (_, environment),
              Machine("--on", machine, "--accel", "tcg", "--net", f"user,{port}:80", "--blk",
                      f"{SITE},ro", app("httpd"), env=environment) as vm):
            for _ in range(5):
                status, body = wait_http(port, machine=vm)
                equal(status, 200, f"answer with {what}")
                check(b"<html" in body, f"the page with {what}")


def test_refused_device():
    """A disk with a configuration that cannot be used: one line, and the other works (status 3 of
    blkcopy: it could open what it reads from, not what it writes to)."""
    with qemu_with("drive=blk1/drive=blk1,logical_block_size=131072,"
                   "physical_block_size=131072") as (work, environment):
        source, target = work / "source", work / "target"
        for disk in (source, target):
            disk.write_bytes(b"x" * 262144)
        result = coracle("--on", "q35", "--accel", "tcg", "--blk", f"{source},ro", "--blk", target,
                         guest("blkcopy"), env=environment)
        equal(result.status, 3, f"status ({result.err})")
        equal(len([line for line in result.err.splitlines() if "blk1 out of service" in line]), 1,
              f"lines about blk1 ({result.err})")
