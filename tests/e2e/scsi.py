# SPDX-License-Identifier: BSD-2-Clause
"""Disks on a virtio-scsi controller of QEMU's (tests/qemu-scsi stands in its place): several on one
controller, over each transport, of every block size, that grow, go away, or cannot be used."""
import json
import os
import random
import socket
import time

from disks import listing
from harness import (BUILD, PATIENCE, QEMU_SCSI, Machine, app, check, coracle, equal,
                     folder, free_port, guest, make_tar, wait_http)


def environment(**options):
    return {**os.environ, "CORACLE_QEMU": QEMU_SCSI, **options}


def copy_through(machine, blocks=16384, **options):
    """blkcopy reads one disk and writes the other, of the same controller."""
    with folder() as work:
        source, target = work / "source", work / "target"
        data = random.Random(4).randbytes(512 * blocks)
        source.write_bytes(data)
        target.write_bytes(b"\0" * len(data))
        result = coracle("--on", machine, "--accel", "tcg", "--blk", f"{source},ro", "--blk", target,
                         guest("blkcopy"), env=environment(**options))
        equal(result.status, 0, f"status on {machine} with {options} ({result.err})")
        check(target.read_bytes() == data, f"the copy differs on {machine} with {options}")


def test_two_disks():
    for machine in ("q35", "pc", "microvm"):
        copy_through(machine)


def test_transports():
    """Legacy, transitional and modern; a message for each queue, one for all, or the line; the
    devices of several controllers' queues; a short ring."""
    for options in (",disable-modern=on,disable-legacy=off", ",disable-legacy=off", ",vectors=0",
                    ",vectors=1", ",disable-modern=on,disable-legacy=off,vectors=0",
                    ",num_queues=4", ",virtqueue_size=8", ",seg_max_adjust=off,max_sectors=8",
                    ",cmd_per_lun=1"):
        copy_through("q35", 2048, HOST_OPTIONS=options)
    copy_through("q35", 2048, HOST_OPTIONS=",event_idx=off,hotplug=off,param_change=off")


def test_places():
    """Targets and logical units apart from each other."""
    for options in (",scsi-id=255", ",scsi-id=0,lun=255"):
        copy_through("q35", 2048, BLK1_OPTIONS=options)


def test_block_sizes():
    """Program reads and writes of any size, whatever the disk's blocks are."""
    for size in (512, 1024, 4096, 8192):
        copy_through("q35", 2048, DISK_OPTIONS=f",logical_block_size={size},"
                                               f"physical_block_size={size}")


def test_refused_disk():
    """One line for a disk that cannot be used (status 3 of blkcopy: the first disk works)."""
    with folder() as work:
        for name in ("source", "target"):
            (work / name).write_bytes(b"x" * 1048576)
        result = coracle("--on", "q35", "--blk", f"{work}/source,ro", "--blk", work / "target",
                         guest("blkcopy"),
                         env=environment(BLK1_OPTIONS=",logical_block_size=131072,"
                                                      "physical_block_size=131072"))
        equal(result.status, 3, f"status ({result.err})")
        equal([line for line in result.err.splitlines() if "out of service" in line],
              ["blk1 out of service: block size is no power of two from 512 to 65536"], "lines")


def test_tree():
    generator = random.Random(2)
    with folder() as work:
        tree = work / "tree"
        (tree / "deep" / "er").mkdir(parents=True)
        for size in (0, 1, 511, 512, 4096, 70000, 300001):
            (tree / f"size-{size}").write_bytes(generator.randbytes(size))
        (tree / "deep" / "er" / "file").write_text("contents\n")
        make_tar(tree, work / "disk.tar")
        for machine, options in (("q35", ""), ("q35", ",logical_block_size=512"), ("microvm", "")):
            result = coracle("--on", machine, "--blk", f"{work}/disk.tar,ro", guest("tree"),
                             env=environment(DISK_OPTIONS=options))
            equal(result.status, 0, f"status ({result.err})")
            equal(sorted(result.out.splitlines()), listing(tree), "the tree")


def test_web():
    for machine in ("q35", "microvm"):
        port = free_port()
        with Machine("--on", machine, "--net", f"user,{port}:80", "--blk",
                     f"{BUILD / 'site.tar'},ro", app("httpd"), env=environment()) as vm:
            status, body = wait_http(port, machine=vm)
            equal(status, 200, f"answer on {machine}")
            check(b"<html" in body, f"the page on {machine}")


class Qmp:
    """QEMU's control socket."""

    def __init__(self, path, machine):
        end = time.monotonic() + PATIENCE
        while not path.exists():
            check(machine.running() and time.monotonic() < end, f"no socket: {machine.lines}")
            time.sleep(0.02)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rw")
        self.file.readline()
        self.run("qmp_capabilities")

    def run(self, command, **arguments):
        json.dump({"execute": command, "arguments": arguments}, self.file)
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if "event" not in answer:
                check("return" in answer, f"{command}: {answer}")
                return answer["return"]


def news(machine, do, wanted, **options):
    """What blknews says after `do` was done by QEMU's control socket."""
    with folder() as work:
        disk, control = work / "disk", work / "control"
        disk.write_bytes(b"x" * 65536)
        with Machine("--on", machine, "--blk", disk, guest("blknews"), "watch",
                     env=environment(QEMU_OPTIONS=f"-qmp unix:{control},server=on,wait=off",
                                     **options)) as vm:
            vm.wait_line("65536 bytes", "out")
            do(Qmp(control, vm))
            for stream, line in wanted:
                vm.wait_line(line, stream)


def test_disk_grows():
    """By an event; and by unit attention alone, where there are none."""
    def grow(qmp):
        qmp.run("block_resize", **{"node-name": "blk0", "size": 1048576})
    news("q35", grow, [("out", "1048576 bytes")])
    news("microvm", grow, [("out", "1048576 bytes")])
    news("q35", grow, [("out", "1048576 bytes")], HOST_OPTIONS=",param_change=off")


def test_disk_is_removed():
    def remove(qmp):
        qmp.run("device_del", id="disk-blk0")
    wanted = [("out", "read: "), ("err", "blk0 out of service: it was removed")]
    news("q35", remove, wanted)
    news("q35", remove, wanted, HOST_OPTIONS=",hotplug=off")
