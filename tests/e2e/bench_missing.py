# SPDX-License-Identifier: BSD-2-Clause
"""bench/run where something is missing: each figure that needs it says so with the reason, what does not
need it is measured, and the status is 0."""
import os
import shutil

import harness
from bench import RUN, bench, built, check_goal, environment, needs_linux, part_of, program, results_of
from harness import check, contains, equal

PARTS_OF_TOOLS = ("python3", "env", "sh", "strip", "nm", "ip", "taskset", "tar", "setpriv")
# What wrk says, and at once.
WRK = """echo "  1000 requests in 1.00s, 1.00MB read"
echo "Requests/sec:   1000.00"
echo "latencies 50=1 75=2 90=3 95=4 99=5 99.9=6 99.99=7 100=8\""""


def tools(work, *more):
    """A PATH of the few tools that bench/run itself needs, and these."""
    folder = work / "tools"
    folder.mkdir()
    for name in (*PARTS_OF_TOOLS, *more):
        # Not one of a user's own folders, which others may not read.
        if found := shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin"):
            (folder / name).symlink_to(found)
    return str(folder)


def rows(work, part):
    """{figure: its value, or the reason why it has none}"""
    return {figure["name"]: figure.get("reason") if figure["value"] is None else figure["value"]
            for figure in part_of(work, part)["figures"]}


def not_measured(work, part, words):
    """The whole part says this, and each goal of it."""
    found = part_of(work, part)
    equal(found["status"], "not measured", f"status of {part} ({found})")
    contains(found["reason"], words, f"the reason of {part}")


def goals(work):
    for goal in results_of(work)["goals"]:
        check_goal(goal)
    return {goal["name"]: goal for goal in results_of(work)["goals"]}


def measured(found, *names):
    for name in names:
        check(isinstance(found.get(name), (int, float)), f"{name} was not measured: {found}")


def needs_kvm():
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        raise harness.Skip("needs /dev/kvm")


def test_no_tools():
    """No QEMU, curl, wrk, fio or iperf3."""
    needs_kvm()
    needs_linux()
    parts = ("boot-microvm", "boot-phases", "count-qemu", "count-xen", "http-native", "http-q35", "bulk-q35")
    with built() as work:
        result = bench(work, *parts, "first-byte", "size", PATH=tools(work))
        equal(result.status, 0, f"status ({result.err})")
        for name in parts:
            if name == "boot-phases":
                continue
            part = part_of(work, name)
            equal(part["status"], "not measured", f"status of {name} ({part})")
            contains(result.out, f"not measured: {part['reason']}", "standard output")
        not_measured(work, "http-q35", "qemu-system-x86_64 is not installed")
        found = rows(work, "boot-phases")
        measured(found, "phase.native.main")
        for on in ("microvm", "q35"):
            contains(found[f"phase.{on}"], "qemu-system-x86_64 is not installed", f"why no phases on {on}")
        found = rows(work, "first-byte")
        measured(found, "first_byte.native", "first_byte.nginx")
        for name in ("microvm", "q35", "linux-q35"):
            contains(found[f"first_byte.{name}"], "qemu-system-x86_64 is not installed", f"why not {name}")
        equal(part_of(work, "size")["status"], "measured", "status of size")
        goals(work)


def test_no_fio():
    needs_kvm()
    with built("blockio") as work:
        result = bench(work, "disks", PATH=tools(work))
        equal(result.status, 0, f"status ({result.err})")
        found = rows(work, "disks")
        measured(found, "blk.randread32.native")
        contains(found["blk.randread32.host"], "fio is not installed", "why the host's was not measured")
        contains(found["blk.randread32.q35"], "qemu-system-x86_64 is not installed", "why not q35")
        contains(goals(work)["blk.randread_over_host"]["reason"], "fio is not installed", "the goal")


def test_no_wrk():
    harness.needs_root()
    needs_kvm()
    with built() as work:
        result = bench(work, "http-native", "http-q35", "soak", "size",
                       PATH=tools(work, "curl", "qemu-system-x86_64"))
        equal(result.status, 0, f"status ({result.err})")
        for name in ("http-native", "http-q35", "soak"):
            not_measured(work, name, "wrk is not installed")
        equal(part_of(work, "size")["status"], "measured", "status of size")
        contains(goals(work)["http.over_native_nginx"]["reason"], "wrk is not installed", "the goal")


def test_no_rights():
    """Neither root nor KVM."""
    harness.needs_root()
    needs_linux()
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    if harness.run(["test", "-r", RUN, "-a", "!", "-w", "/dev/kvm"], **nobody).status != 0:
        raise harness.Skip("others may not read this tree, or may use /dev/kvm")
    of_kvm = ("boot-native", "count-native", "idle", "many", "cycles", "hypercall")
    of_root = ("http-native", "soak")
    of_both = ("bulk-native",)
    with built() as work:
        path = tools(work, "curl", "wrk")
        for folder in (work, work / "b", work / "b" / "bench", work / "tmp"):
            os.chown(folder, 65534, 65534)
        result = harness.run([RUN, *of_kvm, *of_root, *of_both, "first-byte", "size"],
                             env=environment(work, PATH=path), **nobody)
        equal(result.status, 0, f"status ({result.err})")
        for name in (*of_kvm, *of_both):
            not_measured(work, name, "/dev/kvm cannot be opened")
        for name in of_root:
            not_measured(work, name, "needs root")
        found = rows(work, "first-byte")
        contains(found["first_byte.native"], "/dev/kvm cannot be opened", "why native was not measured")
        measured(found, "first_byte.nginx")
        equal(part_of(work, "size")["status"], "measured", "status of size")
        found = goals(work)
        contains(found["hypercalls.native"]["reason"], "/dev/kvm", "why a goal was not measured")
        check(found["size.hello"]["met"], f"size.hello: {found['size.hello']}")


def test_nothing_fetched():
    """No Linux guest, no nginx, no Xen, and no mirror to fetch them from; and no iperf3. Coracle's own
    figures are measured."""
    harness.needs_root()
    needs_kvm()
    with built("stream", "stream-linux") as work:
        path = tools(work, "curl", "qemu-system-x86_64", "bash", "apt-get", "apt-cache", "sed", "awk", "cut",
                     "sort", "grep", "flock", "mktemp", "rm", "mkdir", "id", "dpkg", "basename", "dirname",
                     "realpath", "cat")
        program(work / "tools" / "wrk", WRK)
        result = bench(work, "http-native", "bulk-q35", "count-xen", PATH=path,
                       CORACLE_CACHE=str(work / "cache"), CORACLE_MIRROR="http://127.0.0.1:1")
        equal(result.status, 0, f"status ({result.err})")
        not_measured(work, "count-xen", "fetch-xen: ")
        found = rows(work, "http-native")
        measured(found, "http.native.30", "http.native.new")
        for load in ("30", "new"):
            contains(found[f"http.host.{load}"], "fetch-linux: ", "why nginx was not measured")
        found = rows(work, "bulk-q35")
        measured(found, "tcp.q35.echo", "udp.q35")
        contains(found["tcp.q35.in"], "iperf3 is not installed", "why no iperf3")
        for name in ("tcp.linux-q35.in", "tcp.linux-q35.echo", "udp.linux-q35", "udp.linux-q35.in",
                     "udp.linux-q35.out"):
            contains(found[name], "fetch-linux: ", "why the Linux guest was not measured")
        found = goals(work)
        contains(found["http.over_native_nginx"]["reason"], "fetch-linux: ", "a goal that compares")
        equal(sorted(os.listdir(work / "cache")), [".fetch-lock", "fetch.log"], "what the fetching left")
