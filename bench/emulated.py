# SPDX-License-Identifier: BSD-2-Clause
"""What paravirtual devices are worth: two Linux guests of one kernel (Debian's for all machines) on q35, one
with virtio's network and disk, one with those that QEMU emulates, an e1000 and an IDE disk. All else is
the same; both are up and take turns."""
import contextlib

import linux
from block import LOADS, disk_file, option
from harness import folder
from host import Part, need_program, need_qemu, need_taps
from measure import NotMeasured, QUICK, alternate, run, shown
from network import GUEST, PINNED, SERVE_NGINX, STREAM_PORT, linux_guest, wait_http, wait_stream
from transfers import bulk
from web import LOADS as WEB_LOADS, System, http_loads

DISK_BYTES = 256 << 20
DEVICES = (("virtio", "Linux on q35, virtio"), ("emulated", "Linux on q35, e1000 and IDE"))
SECONDS = 2  # of a load of the disk
DISK_LOADS = {7001 + at: load for at, load in enumerate(
    load for load in LOADS if load[0] in ("randread1", "randread32", "randwrite1", "seqread32"))}


def job(devices):
    """nginx, stream, and for each load of the disk a port at which it is done and its result told."""
    ports = [f"nc -ll -p {port} -e /bin/blockio {linux.DISKS[devices]} {what} {how} {block} {depth} "
             f"{SECONDS} &\n" for port, (_, _, what, how, block, depth, _) in DISK_LOADS.items()]
    return f"{SERVE_NGINX.strip()} &\n{''.join(ports)}stream {STREAM_PORT}\n"


def disk_words(inside, port):
    return inside("bash", "-c", f"cat </dev/tcp/{GUEST}/{port}")


def disks(results, systems):
    for port, load in DISK_LOADS.items():
        samples = alternate({name: lambda inside=system.inside: float(run(disk_words(inside, port)))
                             for name, system in systems.items()}, 3, warm=0)
        for name, system in systems.items():
            results.figure(f"blk.{load[0]}.linux-{name}", f"{load[1]}, {system.title}", "operations/s",
                           samples=samples[name], better="more",
                           command=shown(disk_words(system.inside, port)))
        results.group("bars", load[1], [f"blk.{load[0]}.linux-{name}" for name in systems],
                      over={f"blk.{load[0]}.linux-virtio": f"blk.{load[0]}.linux-emulated"})


@contextlib.contextmanager
def guests(work):
    """Both, up: {name: System}."""
    site = linux.make_site(work / "site")
    with contextlib.ExitStack() as stack:
        systems = {}
        for devices, title in DEVICES:
            disk = stack.enter_context(disk_file(f"disk-{devices}", DISK_BYTES))
            inside, server = stack.enter_context(
                linux_guest("q35", job(devices), site, disk=option(disk, LOADS[0]), devices=devices,
                            kind="generic"))
            systems[devices] = System(title, inside, server)
        for system in systems.values():
            wait_stream(system.inside, system.title, system.server)
            wait_http(system.inside, system.title, system.server)
        yield systems


def emulated(results):
    if QUICK:
        raise NotMeasured("QUICK=1")
    need_qemu()
    need_taps()
    need_program("wrk")
    with folder() as work, guests(work) as systems:
        http_loads(results, {f"linux-{name}": system for name, system in systems.items()}, {}, WEB_LOADS[:1])
        bulk(results, {f"linux-{name}": (system.title, system.inside)
                       for name, system in systems.items()}, 5)
        disks(results, systems)


PARTS = (Part("emulated", "Linux with virtio beside Linux with e1000 and IDE", emulated, 175, 0,
              pinned=PINNED),)
