# SPDX-License-Identifier: BSD-2-Clause
"""bench/run, interrupted in the middle of a part: no process, namespace (and so no tap) or file is left, and
what was measured is kept."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import harness
from bench import RUN, built, environment, needs_linux, part_of, program, results_of
from harness import ROOT, check, equal

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LINUX_PROGRAMS = ("blockio-linux", "primitives-linux", "stream-linux")  # of the Linux guest


def wait_for(what, condition):
    end = time.monotonic() + harness.PATIENCE
    while not (value := condition()):
        check(time.monotonic() < end, f"{what}: never")
        time.sleep(0.01)
    return value


def read_of(process, name):
    """A file of a process's, or of its thread's, in /proc; empty once that has ended, even amid reading."""
    try:
        return pathlib.Path(f"/proc/{process}/{name}").read_text()
    except OSError:
        return ""


def alive(pid):
    state = read_of(pid, "stat").rpartition(")")[2].split()
    return bool(state) and state[0] != "Z"


def below(pid):
    """A process's descendants: {process: its command line}."""
    found = {}
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        for child in read_of(pid, f"task/{thread}/children").split():
            found[int(child)] = read_of(child, "cmdline").replace("\0", " ")
            found.update(below(child))
    return found


def end(pids):
    """Of a test that has failed: nothing that it started goes on."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def none_alive(pids, how):
    left = [pid for pid in pids if alive(pid)]
    end(left)
    equal(left, [], f"processes left by {how.name}")


def namespaces(pid):
    names = os.listdir("/run/netns") if os.path.isdir("/run/netns") else []
    return [name for name in names if name.startswith(f"coracle-{pid}-")]


def nothing_left(work, pid, known):
    equal(os.listdir(work / "tmp"), [], "temporary files")
    equal(sorted(set(os.listdir(work / "b" / "bench")) - {"results.json", "report.html"} - known), [],
          "files beside the results")
    equal(namespaces(pid), [], "namespaces")


def interrupt(work, part, how, seen, **more):
    """Interrupts a part when `seen` of the run's number is true; that tells the processes that must have
    gone. The signals that come after the first change nothing."""
    known = set(os.listdir(work / "b" / "bench"))
    with subprocess.Popen([RUN, part], env=environment(work, **more), stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE) as process:
        try:
            pids = wait_for(f"{part} is at work", lambda: process.poll() is not None or seen(process.pid))
            equal(process.returncode, None, "status before it is interrupted")
            process.send_signal(how)
            said = process.communicate(timeout=harness.PATIENCE)[1]
        except BaseException:
            end([process.pid, *below(process.pid)])
            raise
    equal(process.returncode, 130, f"status after {how.name} ({said})")
    none_alive(pids, how)
    nothing_left(work, process.pid, known)
    equal(results_of(work)["interrupted"], True, "interrupted")
    equal((part_of(work, part)["status"], part_of(work, part)["reason"]), ("failed", "interrupted"),
          "the part")


def running(*words):
    """True of a run when descendants of it with each of these words in their command lines are there."""
    def seen(pid):
        found = below(pid)
        return list(found) if all(any(word in line for line in found.values()) for word in words) else None
    return seen


def stubborn(work):
    """A script that does not end by itself, nor by SIGTERM, and whose child outlives it."""
    return (f"trap '' TERM INT HUP; sleep 1000 & echo $$ $! >{work}/pids.new; "
            f"mv {work}/pids.new {work}/pids; exec sleep 1000")


def told(work):
    """The processes of a stubborn script, when they are there."""
    return lambda _: (work / "pids").exists() and [int(word) for word in (work / "pids").read_text().split()]


def needs_taps():
    harness.needs_root()
    if not os.access("/dev/kvm", os.R_OK) or not shutil.which("curl") or not shutil.which("wrk"):
        raise harness.Skip("needs /dev/kvm, curl and wrk")


def needs_xen():
    if not (ROOT / os.environ.get("CORACLE_CACHE", "build") / "xen").exists():
        raise harness.Skip("scripts/fetch-xen has fetched nothing")


def test_stubborn():
    """Programs that ignore signals, and one that has lost its parent."""
    for how in (signal.SIGINT, signal.SIGTERM):
        with built() as work:
            (work / "tools").mkdir()
            program(work / "tools" / "strip", stubborn(work))
            interrupt(work, "size", how, told(work), PATH=f"{work}/tools:{os.environ['PATH']}")


def test_stubborn_in_namespace():
    needs_taps()
    with built() as work:
        (work / "b" / "coracle").unlink()
        program(work / "b" / "coracle", f'[ "$1" = --version ] && exit; {stubborn(work)}')
        program(work / "b" / "bench" / "stream-linux", "exit 1")
        (work / "b" / "bench" / "stream").touch()
        interrupt(work, "bulk-native", signal.SIGINT, told(work))


def test_taps():
    """VMs on taps, on native and in QEMU, when the load runs."""
    needs_taps()
    with built() as work:
        interrupt(work, "soak", signal.SIGTERM, lambda pid: namespaces(pid) and running(
            "/coracle run --on native", "wrk -t1")(pid))
    needs_linux()
    with built("stream", *LINUX_PROGRAMS) as work:
        for how in (signal.SIGINT, signal.SIGHUP):
            interrupt(work, "bulk-q35", how, lambda pid: len(namespaces(pid)) == 3 and running(
                "initramfs", "--on q35")(pid))


def test_disks():
    """While the big file is written, and while VMs read it."""
    if not os.access("/dev/kvm", os.R_OK):
        raise harness.Skip("needs /dev/kvm")

    def big_file(pid):
        return (path := work / "b" / "bench" / f"disk-{pid}").exists() and path.stat().st_size and [pid]
    for how, seen in ((signal.SIGHUP, big_file), (signal.SIGINT, running("/coracle run --on native")),
                      (signal.SIGTERM, running("/coracle run --on q35", " -kernel "))):
        with built("blockio", *LINUX_PROGRAMS) as work:
            interrupt(work, "disks", how, seen)


def test_xen():
    """Xen's test bed, and a first domain without one."""
    needs_xen()
    with built("tiny-xen", "insn.so", "touch.so") as work:
        interrupt(work, "domains", signal.SIGINT, running(" -kernel "), QUICK="")
        interrupt(work, "count-xen", signal.SIGTERM, running(" -kernel "))


def test_fetch():
    """While a package index is fetched from a mirror that says nothing: of the cache its lock stays."""
    if not shutil.which("apt-get") or not os.path.exists("/usr/share/keyrings/debian-archive-keyring.gpg"):
        raise harness.Skip("needs Debian's apt")
    for how in SIGNALS:
        with built() as work, socket.create_server(("127.0.0.1", 0)) as mirror:
            mirror.settimeout(harness.PATIENCE)
            connections = []

            def seen(pid):
                connections.append(mirror.accept())
                names = os.listdir(work / "cache")
                check(any(re.fullmatch(r"fetch\.\w{6}", name) for name in names), f"what is being fetched: {names}")
                return list(below(pid))
            interrupt(work, "first-byte", how, seen, CORACLE_CACHE=str(work / "cache"),
                      CORACLE_MIRROR=f"http://127.0.0.1:{mirror.getsockname()[1]}")
            equal(os.listdir(work / "cache"), [".fetch-lock"], "the cache")


def make_bench(work):
    """A Makefile whose target `bench` has the recipe of the real one, but nothing to build first."""
    recipe = re.search(r"^bench:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M).group(1)
    (work / "Makefile").write_text(f".PHONY: bench\nB := {work}/b\nbench:\n{recipe.replace('$(BUILT)', '')}")
    return ["make", "-C", ROOT, "-f", work / "Makefile", "bench", "ONLY=size"]


def test_make():
    """A key pressed at `make bench`, which meets make and all below it, and a make that is ended."""
    for how, tell in ((signal.SIGINT, os.killpg), (signal.SIGTERM, os.kill)):
        with built() as work:
            (work / "tools").mkdir()
            program(work / "tools" / "strip", stubborn(work))
            with subprocess.Popen(make_bench(work), env=environment(
                    work, PATH=f"{work}/tools:{os.environ['PATH']}", MAKEFLAGS=""), stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL, start_new_session=True) as process:
                pids = wait_for("strip", lambda: told(work)(process.pid))
                pids = {*pids, *below(process.pid)}
                tell(process.pid, how)
                check(process.wait(timeout=harness.PATIENCE) != 0, "make says that all went well")
            try:
                wait_for("the end of all", lambda: not any(map(alive, pids)))
            finally:
                end(filter(alive, pids))
            equal(os.listdir(work / "tmp"), [], "temporary files")
            equal(results_of(work)["interrupted"], True, "interrupted")
