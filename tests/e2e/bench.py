# SPDX-License-Identifier: BSD-2-Clause
"""bench/run: what it writes, and what it says of what fails; bench_report.py is about its page,
bench_missing.py about what cannot be measured, bench_interrupt.py about what is left of a run. How fast anything
is does not matter here."""
import contextlib
import copy
import json
import os
import re
import shutil
import subprocess
import sys
import types

import harness
from bench_report import check_page
from harness import BUILD, ROOT, check, contains, equal

sys.path.append(str(ROOT / "bench"))  # behind ours, which have other files of the same names
import footprint  # noqa: E402
import host  # noqa: E402
import linux  # noqa: E402
import measure  # noqa: E402
import web  # noqa: E402
from goals import GOALS as GOALS_OF_RUN  # noqa: E402

RUN = str(ROOT / "bench" / "run")
GOALS = """boot.native.over_floor boot.microvm.over_floor instructions.native instructions.microvm
    instructions.q35 hypercalls.native size.hello memory.hello memory.httpd
    http.instructions_per_request http.over_linux_guest http.over_native_nginx
    tcp.in_over_linux_guest tcp.out_over_linux_guest blk.randread_over_host cycles.switch cycles.lock
    hypercall.over_port_exit vms.idle""".split()


@contextlib.contextmanager
def built(*programs):
    """A build directory of its own, with what was built, and these of the benchmarks' programs; results
    go there."""
    with harness.folder() as work:
        (work / "b" / "apps").mkdir(parents=True)
        (work / "b" / "bench").mkdir()
        (work / "tmp").mkdir()
        for name in ("coracle", "site.tar", "apps/hello", "apps/httpd",
                     *(f"bench/{program}" for program in programs)):
            (work / "b" / name).symlink_to(BUILD / name)
        (work / "b" / "tests").symlink_to(BUILD / "tests")
        yield work


def needs_linux():
    """The Linux guest, and nginx with it, fetched if they are not there yet."""
    if why := host.why_not(linux.files):
        raise harness.Skip(why)


def environment(work, **more):
    return dict(os.environ, B=str(work / "b"), TMPDIR=str(work / "tmp"), **{"QUICK": "1", **more})


def bench(work, *words, **more):
    return harness.run([RUN, *words], env=environment(work, **more))


def results_of(work):
    return json.loads((work / "b" / "bench" / "results.json").read_text())


def part_of(work, name):
    return next(part for part in results_of(work)["parts"] if part["name"] == name)


def program(path, script):
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_unknown_name():
    with built() as work:
        for words in (["no-such-thing"], ["size", "no-such-thing"]):
            result = bench(work, *words)
            equal(result.status, 2, "status")
            equal(result.out, "", "standard output")
            equal(len(result.err.splitlines()), 1, f"lines of {result.err!r}")
            contains(result.err, "no-such-thing", "the line")


def test_list():
    with built() as work:
        result = bench(work, "--list")
        equal(result.status, 0, "status")
        for name in GOALS:
            check(re.search(rf"[\[ ]{re.escape(name)}[\],]", result.out), f"--list has no {name}")


def check_goal(goal):
    for field in ("name", "value", "limit", "better", "met", "command"):
        check(field in goal, f"{goal['name']} has no {field}")
    equal(goal["command"], f"make bench ONLY={goal['name']}", "command")
    check(goal["better"] in ("less", "more"), f"better of {goal['name']}")
    if goal["value"] is None:
        equal(goal["met"], None, f"met of {goal['name']}")
        check(goal["reason"], f"{goal['name']} is not measured and says not why")
    else:
        less = goal["value"] <= goal["limit"]
        equal(goal["met"], less if goal["better"] == "less" else goal["value"] >= goal["limit"],
              f"met of {goal['name']}")


def test_results():
    with built() as work:
        result = bench(work, "size")
        equal(result.status, 0, f"status ({result.err})")
        document = results_of(work)
        equal(document["interrupted"], False, "interrupted")
        names = [goal["name"] for goal in document["goals"]]
        equal([name for name in names if name in GOALS], GOALS, "goals")
        for goal in document["goals"]:
            check_goal(goal)
        equal([goal["name"] for goal in document["goals"] if goal["value"] is not None],
              ["size.hello"], "goals that were measured")
        part = part_of(work, "size")
        equal(part["status"], "measured", "status of the part")
        check({"size.hello", "size.httpd"} <= {figure["name"] for figure in part["figures"]},
              f"sizes are missing: {part['figures']}")
        page = (work / "b" / "bench" / "report.html").read_text()
        check_page(page)
        contains(page, "<p class=note>CPUs: not pinned</p>", "the page")
        check("ratio of medians" not in page, "the parts of an image are compared with one another")


def test_ratios():
    """Guests stand beside a Linux guest in the same VMM, only native beside the host."""
    name = "blk.x.{}".format
    equal(measure.over(["native", "host", "q35", "linux-q35"], name),
          {"blk.x.native": "blk.x.host", "blk.x.q35": "blk.x.linux-q35"}, "what disks compare")
    equal(measure.over(["host", "q35", "linux-virtio", "linux-emulated"], name),
          {"blk.x.linux-virtio": "blk.x.linux-emulated"}, "what is compared without the Linux on q35")


def test_commit():
    """The commit that is measured, whether there are changes, and nothing outside of a checkout."""
    with harness.folder() as work:
        equal(host.commit(work), None, "outside of any")
        for words in ("init -q", "-c user.name=a -c user.email=a@b commit -q --allow-empty -m a"):
            equal(harness.run(["git", "-C", work, *words.split()]).status, 0, f"git {words}")
        clean = host.commit(work)
        check(re.fullmatch("[0-9a-f]{40}", clean), f"no commit: {clean}")
        (work / "inside").mkdir()
        equal(host.commit(work / "inside"), None, "in a folder that is no checkout itself")
        (work / "file").touch()
        equal(host.commit(work), clean + " with changes", "with a file more")


def figures_of(work):
    """Names of all that was measured, the parts of an image apart."""
    return [figure["name"] for part in results_of(work)["parts"] for figure in part["figures"]
            if ".part." not in figure["name"]]


def test_goals_alone():
    """A goal's name repeats that goal, not all of its part; the part's own name does."""
    if not os.access("/dev/kvm", os.R_OK) or not shutil.which("fio"):
        raise harness.Skip("needs /dev/kvm and fio")
    alone = {"hypercalls.native": ["hypercalls.native"], "size.hello": ["size.hello"],
             "instructions.q35": ["instructions.q35", "boot.q35.pages_touched", "boot.q35.exits_before_main"],
             "memory.hello": ["memory.hello"],
             "blk.randread_over_host": ["blk.randread32.native", "blk.randread32.host"]}
    with built() as work:
        for name in ("blockio", "insn.so", "touch.so"):
            (work / "b" / "bench" / name).symlink_to(BUILD / "bench" / name)
        result = bench(work, *alone)
        equal(result.status, 0, f"status ({result.err})")
        equal(sorted(figures_of(work)), sorted(sum(alone.values(), [])), "figures")
        for goal in results_of(work)["goals"]:
            equal(goal["value"] is not None, goal["name"] in alone, f"whether {goal['name']} is measured")
            check_goal(goal)
        bench(work, "size.hello", "size")
        equal(figures_of(work), ["size.hello", "size.httpd", "size.hello-io"], "figures of a part that is named itself")


def test_goal_alone_on_the_network():
    harness.needs_root()
    if not all(map(shutil.which, ("qemu-system-x86_64", "curl", "iperf3"))):
        raise harness.Skip("needs QEMU, curl and iperf3")
    needs_linux()
    with built() as work:
        for name in ("stream", "stream-linux", "blockio-linux", "primitives-linux"):
            (work / "b" / "bench" / name).symlink_to(BUILD / "bench" / name)
        bench(work, "tcp.out_over_linux_guest")
        equal((part_of(work, "bulk-q35")["status"], figures_of(work)),
              ("measured", ["tcp.q35.out", "tcp.microvm.out", "tcp.linux-q35.out"]), "the part and its figures")


def test_affinity():
    """A part tells what stays on which CPU, and that nothing does where nothing can."""
    part, path = host.Part("a", "a", None, 1, 1, pinned="all on CPU 0"), os.environ["PATH"]
    equal(part.affinity() == "all on CPU 0", host.on_cpu("0", "x") == ["taskset", "-c", "0", "x"], "is pinned")
    with harness.folder() as work:
        os.environ["PATH"] = str(work)
        try:
            equal(host.on_cpu("0", "x"), ["x"], "a command without taskset")
            contains(part.affinity(), "not pinned: ", "the affinity without taskset")
        finally:
            os.environ["PATH"] = path


def test_quick_rows():
    """What a quick run leaves out has a row that says so: figures are the same as a whole run's."""
    if not os.access("/dev/kvm", os.R_OK):
        raise harness.Skip("needs /dev/kvm")
    with built() as work:
        (work / "b" / "bench" / "blockio").touch()
        result = bench(work, "memory")
        equal(result.status, 0, f"status ({result.err})")
        programs = ("hello", "threads", "reader", "httpd")
        wanted = [f"memory.{on}{name}" for on in ("", "microvm.", "q35.") for name in programs]
        equal([name for name in figures_of(work) if name != "memory.connections"], wanted, "figures of memory")
        # A disk so fast that nothing is to be waited for.
        (work / "b" / "coracle").unlink()
        program(work / "b" / "coracle", "echo 1.5")
        (work / "tools").mkdir()
        for name in ("python3", "env", "sh"):
            (work / "tools" / name).symlink_to(shutil.which(name))
        bench(work, "disks", PATH=f"{work}/tools")
        loads = {name.rpartition(".")[0] for name in figures_of(work)}
        equal(len(loads), 9, f"loads {loads}")
        equal(len(figures_of(work)), 9 * 5, "figures of disks")
        reasons = [figure.get("reason") for figure in part_of(work, "disks")["figures"]]
        check("QUICK=1" in reasons, f"nothing is left out: {reasons}")


def test_limits():
    """nginx on the host is to be reached only where KVM has hardware under it."""
    for kvm, limit in (("hardware (VMX)", 1), ("hardware (SVM)", 1), ("nested (VMX)", 0.7), ("none", 0.7),
                       ("without hardware virtualization beneath it", 0.7)):
        results = measure.Results(None, copy.deepcopy(GOALS_OF_RUN))
        results.on({"kvm": kvm}, None)
        goal = results.goals["http.over_native_nginx"]
        goal.value = 0.9
        equal((goal.entry()["limit"], goal.met()), (limit, limit < 0.9), f"limit and state with KVM {kvm}")
        equal(results.goals["size.hello"].limit, 150, f"another limit with KVM {kvm}")


def test_other_unikernels():
    """Tools that are found are measured like hello, when they have an image to boot."""
    with built() as work:
        (work / "tools").mkdir()
        path = f"{work}/tools:{os.environ['PATH']}"
        bench(work, "solo5-hvt", "kraft", PATH=path)
        for name in ("solo5-hvt", "kraft"):
            equal(part_of(work, name)["status"], "not measured", f"status of {name} without the tool")
            contains(part_of(work, name)["reason"], f"{name} is not installed", "the reason")
        # Each takes 5 MiB at least.
        program(work / "tools" / "solo5-hvt",
                f'[ "$1" = --version ] && echo 0.9.1; echo "$*" >>{work}/said; [ "${{1#--mem=}}" -ge 5 ]')
        program(work / "tools" / "kraft",
                f'[ "$1" = version ] && echo 0.8.2; for word; do case $word in *Mi) mem=${{word%Mi}};; esac; '
                f'done; echo "$*" >>{work}/said; [ "$mem" -ge 5 ]')
        bench(work, "solo5-hvt", PATH=path)
        contains(part_of(work, "solo5-hvt")["reason"], "SOLO5_IMAGE names no image", "the reason")
        (work / "image").write_bytes(bytes(2048))
        result = bench(work, "solo5-hvt", "kraft", PATH=path, SOLO5_IMAGE=str(work / "image"),
                       KRAFT_IMAGE="helloworld:latest")
        equal(result.status, 0, f"status ({result.err})")
        for name, image, version in (("solo5-hvt", f"{work}/image", "0.9.1"),
                                     ("kraft", "helloworld:latest", "0.8.2")):
            part = part_of(work, name)
            equal(part["status"], "measured", f"status of {name} ({part})")
            values = {figure["name"]: figure for figure in part["figures"]}
            equal(values[f"memory.{name}"]["value"], 5, f"least memory of {name}")
            check(values[f"boot.{name}.{name}"]["value"] > 0, f"no time of {name}")
            equal(results_of(work)["machine"]["versions"][name], version, f"version of {name}")
            contains((work / "said").read_text(), image, f"what {name} was told")
        equal({figure["name"]: figure["value"] for figure in part_of(work, "solo5-hvt")["figures"]}
              ["size.solo5-hvt"], 2, "KiB of the image")


def test_failing_command():
    """What was measured before stays, and the command is named."""
    with built() as work:
        (work / "b" / "apps" / "httpd").unlink()
        (work / "b" / "apps" / "httpd").write_text("no image")
        result = bench(work, "size")
        equal(result.status, 0, f"status ({result.err})")
        part = part_of(work, "size")
        equal(part["status"], "failed", "status of the part")
        contains(part["reason"], "`strip ", "the reason")
        contains(part["reason"], "apps/httpd", "the reason")
        names = [figure["name"] for figure in part["figures"]]
        equal(names[0], "size.hello", "what was measured")
        check(all(name.startswith("size.hello.part.") for name in names[1:]) and len(names) > 5,
              f"parts of hello: {names}")
        contains(result.out, "failed: `strip ", "standard output")


def in_process(name):
    """Results that a part of this name may write into."""
    results = measure.Results(None, copy.deepcopy(GOALS_OF_RUN))
    results.part(name, name, "not pinned")
    return results


def values_of(results):
    return {figure["name"]: figure["value"] for figure in results.parts[-1]["figures"]}


def test_dead_machines():
    """Of many VMs those do not count that have ended, also if somebody answers at their ports."""
    if not os.access("/dev/kvm", os.R_OK):
        raise harness.Skip("needs /dev/kvm")
    port = harness.free_port()
    with harness.Machine("--on", "native", "--mem", "8M", "--net", f"user,{port}:80", "--blk",
                         f"{BUILD}/site.tar,ro", harness.app("httpd"), stdout=subprocess.DEVNULL) as alive, \
            harness.Machine("--on", "native", harness.app("hello")) as dead:
        equal(dead.wait(), 0, "status of hello")
        harness.wait_http(port, machine=alive)
        equal(footprint.memory_of(dead), None, "memory of a VM that has ended")
        results = in_process("many")
        footprint.note_many(results, 3, [(port, dead), (port, alive), (harness.free_port(), dead)], 0)
        equal(values_of(results)["many.answered"], 1, "VMs that answered")
        check(values_of(results)["many.per_gib"] > 0, "no memory of the one that is there")
        results = in_process("many")
        try:
            footprint.note_many(results, 1, [(port, dead)], 0)
        except harness.Failure:
            equal(values_of(results)["many.answered"], 0, "what is kept where none is up")
            return
        raise harness.Failure("nobody is up, and all is well")


WRK = """  2 threads and 30 connections
  1000 requests in 10.00s, 1.00MB read
{}Requests/sec:    100.00
latencies 50=1000 75=2000 90=3000 95=4000 99=5000 99.9=6000 99.99=7000 100={}
"""


def test_soak():
    """A load that lasts is wrong by an error or a stall, and its figures are kept."""
    errors = "  Socket errors: connect 0, read 0, write 0, timeout 3\n"
    for said, waits, refused, why in (
            (WRK.format("", 8000), [5.5], [], None),
            (WRK.format(errors, 8000), [5.5], [], "timeout 3"),
            (WRK.format("  Non-2xx or 3xx responses: 7\n", 8000), [5.5], [], "responses: 7"),
            (WRK.format("", 8000), [5.5], ["curl: (7) refused"], "(7) refused"),
            (WRK.format("", 11_000_000), [5.5], [], "11.0 s"),
            (WRK.format("", 8000), [5.5, 12_000], [], "12.0 s")):
        results = in_process("soak")
        load = types.SimpleNamespace(command=["wrk"], waits=waits, errors=refused)
        wrong = web.note_soak(results, "q35", 10, load, said)
        equal(wrong is None, why is None, f"whether it is wrong ({wrong}, {why})")
        contains(wrong or "", why or "", "what is wrong")
        values = values_of(results)
        equal([values[f"soak.q35.{name}"] for name in ("requests", "median", "p99", "slowest")],
              [1000, 1, 5, max(waits)], "figures")


def test_touched():
    """What a start touches is counted beside its instructions, the same in each run but for the clock."""
    with built() as work:
        for name in ("insn.so", "touch.so"):
            (work / "b" / "bench" / name).symlink_to(BUILD / "bench" / name)
        result = bench(work, "count-qemu")
        equal(result.status, 0, f"status ({result.err})")
        part = part_of(work, "count-qemu")
        equal(part["status"], "measured", f"status of the part ({part})")
        figures = {figure["name"]: figure for figure in part["figures"]}
        for on in ("microvm", "q35"):
            # The page tables alone are several, the image's pages more; all of hello's memory is too many.
            pages = figures[f"boot.{on}.pages_touched"]["value"]
            check(10 < pages < 200, f"{pages} pages on {on}")
            exits = figures[f"boot.{on}.exits_before_main"]
            contains(figures[f"boot.{on}.pages_touched"]["title"], "executed, read or written", "the title")
            for what in ("cpuid", "msrs"):
                contains(exits["note"], f"{what} ", f"what left the VM on {on}")
            equal(sum(int(word) for word in re.findall(r"\d+", exits["note"])), exits["value"],
                  f"sum on {on}")


def test_latencies():
    """wrk's script tells how long answers took, up to the slowest one."""
    if not shutil.which("wrk"):
        raise harness.Skip("wrk is not installed")
    port = harness.free_port()
    with harness.folder() as work, subprocess.Popen(
            ["python3", "-m", "http.server", "-b", "127.0.0.1", "-d", work, str(port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            harness.wait_http(port)
            result = harness.run(["wrk", "-t1", "-c2", "-d1s", "-s", str(ROOT / "bench" / "latency.lua"),
                                  f"http://127.0.0.1:{port}/"])
        finally:
            server.kill()
    line = re.search(r"^latencies (.*)$", result.out, re.M)
    check(line is not None, f"no line of latencies: {result.out}")
    percents, values = zip(*((float(percent), int(us)) for percent, us in
                             (word.split("=") for word in line.group(1).split())))
    equal(percents, (50, 75, 90, 95, 99, 99.9, 99.99, 100), "per cents")
    check(values[0] > 0 and list(values) == sorted(values), f"they do not rise: {values}")


def test_iperf_server():
    """What the guests have for iperf3 lets it end, both ways, and outlives a client it does not serve."""
    harness.needs_root()
    with harness.tap_namespace() as inside, subprocess.Popen(
            inside(BUILD / "bench" / "stream-linux", "9"), stdout=subprocess.PIPE) as server:
        try:
            equal(server.stdout.readline(), b"serving\n", "the server's first words")
            equal(harness.run(inside("iperf3", "-c", "127.0.0.1", "-P", "2")).status, 1, "two streams")
            for way in ((), ("-R",)):
                result = harness.run(inside("iperf3", "-c", "127.0.0.1", "-J", "-n", "40M", *way))
                end = json.loads(result.out)["end"]
                equal(result.status, 0, f"status ({result.out})")
                # What is still on its way when the client ends does not count.
                check(end["sum_received"]["bytes"] >= 10 << 20, f"too few bytes {way}: {end}")
                check(end["sum_received"]["bits_per_second"] > 0, f"no rate {way}")
        finally:
            server.kill()


# ---- the page ----------------------------------------------------------------------------------
