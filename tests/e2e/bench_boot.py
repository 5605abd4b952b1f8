# SPDX-License-Identifier: BSD-2-Clause
"""coracle bench boot: what it measures of a start, and how it ends when there is nothing to
measure."""
import contextlib
import json
import math
import os
import pathlib
import signal
import socket
import subprocess
import time
import xml.etree.ElementTree

from harness import (BUILD, CORACLE, PATIENCE, app, check, contains, equal, folder, free_port, guest,
                     run, tap_namespace, user_error)

GUEST = ["entry", "platform", "memory", "main"]


def bench(*words, **more):
    return run([CORACLE, "bench", "boot", *map(str, words)], **more)


def measured(*words):
    """The phases of a run with --json, by name, in order; and the whole object."""
    result = bench("--json", *words)
    equal(result.status, 0, f"status ({result.err})")
    found = json.loads(result.out)
    return {phase["name"]: phase for phase in found["phases"]}, found


def statistics(samples):
    """As docs/benchmarks.md defines them; the 99th percentile by rank: so many do not lie above it."""
    values = sorted(samples)
    return {"minimum": values[0],
            "median": (values[(len(values) - 1) // 2] + values[len(values) // 2]) // 2,
            "p99": values[math.ceil(len(values) * 0.99) - 1]}


def sums_up(phases):
    """The statistics are those of the samples."""
    before = None
    for phase in phases.values():
        samples = phase["samples_since_exec_ns"]
        equal(phase["since_exec_ns"], statistics(samples), f"{phase['name']} since exec")
        equal(phase["phase_ns"], statistics([now - then for now, then in
                                             zip(samples, before or [0] * len(samples))]), phase["name"])
        before = samples


def ordered(phases, runs):
    sums_up(phases)
    for phase in phases.values():
        equal(len(phase["samples_since_exec_ns"]), runs, "samples")
        check(phase["phase_ns"]["minimum"] <= phase["phase_ns"]["median"] <= phase["phase_ns"]["p99"],
              f"{phase} is not in order")
    for run_ in zip(*(phase["samples_since_exec_ns"] for phase in phases.values())):
        check(list(run_) == sorted(run_), f"the steps of a boot are not in order: {run_}")


def test_native():
    phases, found = measured("-n", 3, "--on", "native", app("hello"))
    equal(list(phases), ["command", "inputs", "vm", "load", "enter", *GUEST, "exit", "end"], "phases")
    ordered(phases, 3)
    equal(found["exits_before_main"], 0, "exits")
    check(found["pages_touched"] > 0, "no page was touched")


def test_microvm():
    phases, _ = measured("--runs=2", "--on", "microvm", app("hello"))
    equal(list(phases), ["command", "inputs", "vm", *GUEST, "exit", "end"], "phases")
    ordered(phases, 2)


def test_q35():
    """With a disk and a network that hello does not use, which takes steps of its own."""
    with folder() as work:
        (work / "disk").write_bytes(bytes(1 << 20))
        phases, _ = measured("-n", 2, "--on", "q35", "--net", "user", "--blk", work / "disk", app("hello"))
    equal(list(phases), ["command", "inputs", "vm", *GUEST, "exit", "end"], "phases")
    ordered(phases, 2)


def test_percentiles():
    """Of so many boots that the 99th percentile is not the slowest of all."""
    phases, _ = measured("-n", 101, "--on", "native", app("hello"))
    ordered(phases, 101)
    end = phases["end"]["since_exec_ns"]["p99"]
    check(sum(sample > end for sample in phases["end"]["samples_since_exec_ns"]) <= 1, "more lie above it")


def test_table_and_picture():
    with folder() as work:
        result = bench("-n", 2, "--svg", work / "boot.svg", app("hello"))
        equal(result.status, 0, result.err)
        contains(result.out, "from exec to main", "the table")
        words = list(xml.etree.ElementTree.parse(work / "boot.svg").getroot().itertext())
        check(any("guest: platform" in word for word in words), f"the picture has {words}")


def serving(on, *more):
    port = free_port()
    return measured("-n", 2, "--on", on, "--net", f"user,{port}:80", "--http", f"{port}/", "--blk",
                    f"{BUILD}/site.tar,ro", *more, app("httpd"))[0]


def test_answer():
    for on in ("native", "microvm"):
        phases = serving(on)
        ordered(phases, 2)
        equal(list(phases)[-3:], ["network", "main", "answer"], f"phases on {on}")


def test_answer_over_a_tap():
    with tap_namespace() as inside:
        for on in ("native", "q35"):
            result = run(inside(CORACLE, "bench", "boot", "--json", "-n", 2, "--on", on, "--net",
                                "tap:ctap0,ip=10.77.0.2/24,gw=10.77.0.1", "--blk",
                                f"{BUILD}/site.tar,ro", "--http", "10.77.0.2:80/", app("httpd")))
            equal(result.status, 0, f"status on {on} ({result.err})")
            phases = {phase["name"]: phase for phase in json.loads(result.out)["phases"]}
            ordered(phases, 2)
            equal(list(phases)[-3:], ["network", "main", "answer"], f"phases on {on}")


def test_mistakes():
    user_error(bench(), "IMAGE")
    user_error(run([CORACLE, "bench"]), "boot")
    user_error(bench("-n", 0, app("hello")), "--runs")
    user_error(bench("--http", "nowhere", app("hello")), "--http nowhere")
    user_error(bench("--svg", "/nowhere/boot.svg", app("hello")), "/nowhere/boot.svg")
    user_error(bench("--stats", "-", app("hello")), "--stats")


def test_no_image():
    with folder() as work:
        (work / "notes").write_text("words")
        result = bench("--svg", work / "boot.svg", work / "notes")
        equal(result.status, 2, "status")
        contains(result.err, "not an ELF", "standard error")
        check(not (work / "boot.svg").exists(), "a picture of nothing was left behind")


def test_guest_that_fails():
    result = bench(guest("exit_status"), 7)
    equal(result.status, run([CORACLE, "run", guest("exit_status"), "7"]).status, "status")
    contains(result.err, "boot 0: ended with status", "standard error")


def test_guest_without_an_end():
    result = bench("--timeout", 1, guest("sleep_forever"))
    equal(result.status, 124, "status")
    contains(result.err, "no end in time", "standard error")


def test_nobody_answers():
    result = bench("--timeout", 1, "--http", free_port(), guest("sleep_forever"))
    equal(result.status, 124, "status")
    contains(result.err, "no answer from", "standard error")


def children(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def running(pid):
    """It may be gone but for its status, which nobody has asked for yet."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def descendants(pid, generations):
    """The first child, its first child, ..., once they are there and a VM may run."""
    end = time.monotonic() + PATIENCE
    found = [pid]
    while len(found) <= generations:
        check(time.monotonic() < end, "it started no boot")
        found += children(found[-1])[:1]
        time.sleep(0.01)
    time.sleep(0.5)
    return found[1:]


def test_interrupted():
    """By a signal that it sees, and by one that it does not: nothing goes on."""
    for on, generations in (("native", 1), ("microvm", 2)):
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)):
            with folder() as work, subprocess.Popen(
                    [CORACLE, "bench", "boot", "--on", on, "--svg", work / "x.svg", "--timeout", "600",
                     guest("sleep_forever")], stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL) as process:
                below = descendants(process.pid, generations)
                process.send_signal(number)
                equal(process.wait(timeout=PATIENCE), status, f"status on {on}")
                end = time.monotonic() + PATIENCE / 4
                while any(map(running, below)):
                    check(time.monotonic() < end, f"a boot on {on} outlives the command ({number.name})")
                    time.sleep(0.01)
                if number != signal.SIGKILL:
                    equal(os.listdir(work), [], "files")


def test_somebody_else_answers():
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        user_error(bench("--http", port, app("hello")), f"--http {port}")
