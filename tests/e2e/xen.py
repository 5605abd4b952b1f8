# SPDX-License-Identifier: BSD-2-Clause
"""`coracle run --on xen-pv|xen-pvh` as far as it can be seen without a Xen: the configuration and the
user's mistakes. How it ends, with which status, and what comes over the console, is seen under a real
Xen: tests/xen/ends.sh, status.sh, input.sh, killed.sh and every guest program."""
import os

from harness import app, coracle, equal, folder, one_line, user_error

BOTH = ("xen-pv", "xen-pvh")


def config(*arguments):
    result = coracle("--print", *arguments)
    equal(result.status, 0, f"status (it said {result.err!r})")
    return dict(line.split("=", 1) for line in result.out.splitlines())


def test_configuration():
    with folder() as work:
        disk = work / 'a "disk", of mine'
        disk.write_bytes(bytes(4096))
        for on, least in zip(BOTH, ("4", "2")):
            said = config("--on", on, "--mem", "1M", "--env", "A=B", "--blk", f"{disk},ro", "--blk", disk,
                          "--net", "bridge:br0,ip=10.1.2.3/24", app("hello"), "one", 'tw"o')
            equal(said["type"], f'"{on[4:]}"', "type")
            equal(said["kernel"], f'"{os.path.realpath(app("hello"))}"', "kernel")
            equal(said["memory"], least, "memory")
            escaped = str(disk).replace('"', '\\"')
            equal(said["disk"], f'["format=raw,vdev=xvda,access=ro,target={escaped}", '
                                f'"format=raw,vdev=xvdb,access=rw,target={escaped}"]', "disks")
            watched = config("--on", on, "--watchdog", "7", app("hello"))
            equal(watched["extra"], f'"name={app("hello")} watchdog=7"', "the command line with a watchdog")
            equal(said["vif"], '["bridge=br0"]', "networks")
            equal(said["extra"], f'"name={app("hello")} env.A=B net0=10.1.2.3/24 -- one \\"tw\\\\\\"o\\""',
                  "the command line")


def test_mistakes():
    for on in BOTH:
        user_error(coracle("--on", on, "--net", "user", app("hello")), "bridge:NAME")
        user_error(coracle("--on", on, "--net", "tap:tap0", app("hello")), "bridge:NAME")
        user_error(coracle("--on", on, "--net", "bridge:nowhere0", app("hello")), "no bridge nowhere0")
        user_error(coracle("--on", on, "--accel", "tcg", app("hello")), "--accel")
    for on in ("native", "microvm"):
        user_error(coracle("--on", on, "--watchdog", "3", app("hello")), "--watchdog", "xen-pv or xen-pvh")
    user_error(coracle("--on", "microvm", "--net", "bridge:br0", app("hello")), "xen-pv or xen-pvh")
    user_error(coracle("--on", "native", "--net", "bridge:br0", app("hello")), "xen-pv or xen-pvh")
    user_error(coracle("--on", "xen-pv", app("hello"), "x" * 1024), "more than 1023")


def test_without_xl():
    result = coracle("--on", "xen-pvh", app("hello"), env=dict(os.environ, PATH="/nowhere"))
    equal(result.status, 125, "status")
    one_line(result, "xl: not found", "xen-utils")
