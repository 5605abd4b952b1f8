# SPDX-License-Identifier: BSD-2-Clause
"""`coracle run --on xen-pv|xen-pvh` as far as it can be seen without a Xen: the configuration, the
user's mistakes, and how xl's words and the guest's console are read (xl is played by a script). What
runs under a real Xen is in tests/xen."""
import os
import signal

from harness import (Machine, app, check, contains, coracle, equal, folder, one_line, user_error)

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
            equal(said["vif"], '["bridge=br0"]', "networks")
            equal(said["extra"], f'"name={app("hello")} env.A=B net0=10.1.2.3/24 -- one \\"tw\\\\\\"o\\""',
                  "the command line")


def test_mistakes():
    for on in BOTH:
        user_error(coracle("--on", on, "--net", "user", app("hello")), "bridge:NAME")
        user_error(coracle("--on", on, "--net", "tap:tap0", app("hello")), "bridge:NAME")
        user_error(coracle("--on", on, "--net", "bridge:nowhere0", app("hello")), "no bridge nowhere0")
        user_error(coracle("--on", on, "--accel", "tcg", app("hello")), "--accel")
    user_error(coracle("--on", "microvm", "--net", "bridge:br0", app("hello")), "xen-pv or xen-pvh")
    user_error(coracle("--on", "native", "--net", "bridge:br0", app("hello")), "xen-pv or xen-pvh")
    user_error(coracle("--on", "xen-pv", app("hello"), "x" * 1024), "more than 1023")


def test_without_xl():
    result = coracle("--on", "xen-pvh", app("hello"), env=dict(os.environ, PATH="/nowhere"))
    equal(result.status, 125, "status")
    one_line(result, "xl: not found", "xen-utils")


PLAYED_XL = """#!/bin/sh
echo "$*" >>"$WORK/calls"
[ "$1" = create ] || { touch "$WORK/destroyed"; exit; }
cp "$5" "$WORK/config"
echo "got a tsc mode string: native" >&2
echo "Waiting for domain hello-1 (domid 7) to die [pid 1]" >&2
printf "$SAYS"
[ -z "$REASON" ] || echo "Domain 7 has shut down, reason code $REASON 0x$REASON" >&2
until [ -e "$WORK/destroyed" ]; do sleep 0.02; done
"""
PLAYED_XENSTORE = """#!/bin/sh
echo "$1" >"$WORK/key"
[ -z "$STATUS" ] || echo "$STATUS"
"""


def play(work, says, reason, status=None):
    """An environment in which xl and xenstore-read are scripts."""
    for name, text in (("xl", PLAYED_XL), ("xenstore-read", PLAYED_XENSTORE)):
        (work / name).write_text(text)
        (work / name).chmod(0o755)
    return dict(os.environ, PATH=f"{work}:{os.environ['PATH']}", WORK=str(work), SAYS=says,
                REASON=str(reason), STATUS="" if status is None else str(status))


def test_channels_and_status():
    with folder() as work:
        says = r"out\020\002err\n\020\003a line\n\020\001put\n\020\003\001coracle-exit 5\n"
        result = coracle("--on", "xen-pv", app("hello"), env=play(work, says, 0, 3))
        equal(result.status, 3, f"status (it said {result.err!r})")
        equal(result.out, "output\n", "standard output")
        equal(sorted(result.err.splitlines()), ["a line", "err"], "standard error")
        equal((work / "key").read_text(), "/local/domain/7/data/coracle/status\n", "key")
        calls = (work / "calls").read_text().splitlines()
        check(calls[-1].startswith("destroy hello-"), f"the domain is not destroyed: {calls}")
        contains((work / "config").read_text(), 'on_poweroff="preserve"', "the configuration")


def test_status_by_the_console_alone():
    with folder() as work:
        result = coracle("--on", "xen-pv", app("hello"),
                         env=play(work, r"\020\003\001coracle-exit 5\n", 0))
        equal(result.status, 5, f"status (it said {result.err!r})")


def test_crash():
    with folder() as work:
        says = r"\020\003crash: it was so\n\001coracle-exit 134\n"
        result = coracle("--on", "xen-pvh", app("hello"), env=play(work, says, 3))
        equal(result.status, 134, "status")
        one_line(result, "crash: it was so")


def test_end_without_a_word():
    with folder() as work:
        result = coracle("--on", "xen-pvh", app("hello"), env=play(work, "", 1))
        equal(result.status, 134, "status")
        one_line(result, "without a status")


def test_timeout_and_signal():
    with folder() as work:
        result = coracle("--on", "xen-pv", "--timeout", "0.2", app("hello"), env=play(work, "", ""))
        equal(result.status, 124, "status")
        check((work / "destroyed").exists(), "the domain outlives its time")
    with folder() as work:
        with Machine("--on", "xen-pv", app("hello"), env=play(work, r"here\n", "")) as machine:
            machine.wait_line("here", "out")
            equal(machine.end(signal.SIGTERM), 143, "status")
        check((work / "destroyed").exists(), "the domain outlives the command")
