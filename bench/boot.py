# SPDX-License-Identifier: BSD-2-Clause
"""How long a start takes: exec to exit against a floor, and guest instructions from the entry to
main, counted exactly."""
import bisect
import collections
import json
import os
import re
import statistics
import subprocess

from harness import BUILD, CORACLE, app, folder, guest
from host import Part, need_kvm, need_qemu, why_not
from measure import CommandFailed, alternate, few, ran, run, seconds_of, shown

# They wait for real time to pass, so how often they turn differs; all else is repeatable.
CALIBRATION = ("bare_clock_late", "bare_calibrate_khz", "bare_read_both", "bare_apic_timer_left")
HELLO_IO = guest("hello_io")  # hello with a socket and a disk
STEP_TRIES, STEP_SECONDS = few(1, 4), 5


def compare(results, prefix, takers, commands, titles, turns=few(40, 200)):
    """Takes turns and notes a figure for each; the medians."""
    samples = {}
    try:
        alternate(takers, turns, warm=5, samples=samples)
    finally:
        for name, values in samples.items():
            if values:
                results.figure(f"{prefix}.{name}", titles[name], "ms",
                               samples=[value * 1e3 for value in values],
                               command=shown(commands[name]))
    results.group("bars", "exec to exit", [f"{prefix}.{name}" for name in takers],
                  over={f"{prefix}.hello": f"{prefix}.floor"})
    return {name: statistics.median(values) for name, values in samples.items()}


def native(results):
    need_kvm()
    if results.wanted("boot.native.over_floor"):
        start_native(results)
    if results.wanted("hypercalls.native"):
        counts = [hypercalls_native() for _ in range(few(2, 5))]
        results.reach("hypercalls.native", results.figure(
            "hypercalls.native", "hypercalls before main, native", "hypercalls", value=max(counts),
            samples=counts, command=ran(),
            note="hello itself makes one write and one exit, which do not count"))


def start_native(results):
    commands = {"floor": [str(BUILD / "bench" / "floor"), "32"],
                "hello": [CORACLE, "run", "--on", "native", app("hello")],
                "true": ["/bin/true"]}
    titles = {"floor": "KVM opened, one instruction run", "hello": "coracle run hello",
              "true": "/bin/true"}
    medians = compare(results, "boot.native", {
        name: lambda command=command: seconds_of(command) for name, command in commands.items()},
        commands, titles)
    results.reach("boot.native.over_floor", medians["hello"] / medians["floor"])


def hypercalls_native():
    with folder() as work:
        run([CORACLE, "run", "--on", "native", "--stats", work / "stats", app("hello")])
        return sum(json.loads((work / "stats").read_text())["hypercalls"].values()) - 2


def wrapped(work, script):
    """The environment in which `coracle run` starts this shell script instead of QEMU."""
    wrapper = work / "qemu"
    wrapper.write_text(f"#!/bin/sh\n{script}\n")
    wrapper.chmod(0o755)
    return dict(os.environ, CORACLE_QEMU=str(wrapper))


def qemu_command(work, command, wrap=lambda *words: list(words)):
    """The words with which this `coracle run ...` starts QEMU, which is not started; its channels
    lead nowhere. `wrap` says where the command runs."""
    environment = wrapped(work, f'printf "%s\\0" qemu-system-x86_64 "$@" >"{work}/words"')
    subprocess.run(wrap(*command), env=environment, check=False, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if not (work / "words").exists():
        raise CommandFailed(command, 1, "it started no QEMU")
    words = (work / "words").read_text().split("\0")[:-1]
    return [re.sub(r"path=/dev/(fd/\d+|std\w+)$", "path=/dev/null", word) for word in words]


def under_qemu(results, on, turns):
    """hello's start beside that of the same QEMU with a guest that ends at once; the ratio."""
    need_qemu()
    hello = [CORACLE, "run", "--on", on, "--accel", "tcg", app("hello")]
    with folder() as work:
        words = qemu_command(work, hello)
    words[words.index("-kernel") + 1] = str(BUILD / "bench" / "tiny")
    medians = compare(results, f"boot.{on}", {"floor": lambda: seconds_of(words, 1),
                                              "hello": lambda: seconds_of(hello)},
                      {"floor": words, "hello": hello},
                      {"floor": "the same QEMU, a guest that ends at once",
                       "hello": f"coracle run --on {on} hello"}, turns)
    return medians["hello"] / medians["floor"]


def microvm(results):
    results.reach("boot.microvm.over_floor", under_qemu(results, "microvm", few(40, 200)))


def q35(results):
    under_qemu(results, "q35", few(10, 50))


def note_phases(results, on, found, command):
    """Figures of what `coracle bench boot --json` has told."""
    names, before = [], [0] * found["runs"]
    for phase in found["phases"]:
        names.append(f"phase.{on}.{phase['name']}")
        now = phase["samples_since_exec_ns"]
        results.figure(names[-1], f"{on}: {phase['title']}", "ms", command=command,
                       samples=[(end - begin) / 1e6 for end, begin in zip(now, before)])
        before = now
    results.group("timeline", f"start of hello on {on}, medians", names)


def phases(results):
    """The steps of a start, as `coracle bench boot` tells them, on native and under QEMU."""
    for on, need, options in (("native", need_kvm, ()), ("microvm", need_qemu, ("--accel", "tcg")),
                              ("q35", need_qemu, ("--accel", "tcg"))):
        reason = why_not(need)
        if reason:
            results.not_measured(f"phase.{on}", f"hello on {on}", "ms", reason)
            continue
        command = [CORACLE, "bench", "boot", "--json", "-n", str(few(10, 100)), "--on", on, *options,
                   app("hello")]
        found = json.loads(run(command))
        note_phases(results, on, found, shown(command))
        if on == "native":
            for name, title, unit in (("exits_before_main", "exits to the monitor before main", "exits"),
                                      ("pages_touched", "pages of RAM that are its own when it ends, native: "
                                       "text of the file apart", "pages")):
                results.figure(f"boot.native.{name}", title, unit, value=found[name],
                               command=shown(command))


# ---- instructions ------------------------------------------------------------------------------

def symbols(image):
    """Ascending (address, name) of the image's functions, one for each address."""
    found = {int(words[0], 16): words[2].removeprefix("coracle.")
             for words in map(str.split, run(["nm", image]).splitlines())
             if len(words) == 3 and words[1] in "tTwW"}
    return sorted(found.items())


def by_function(places, counts):
    """Sums for each function; what lies behind the image is the hypervisor's."""
    result = collections.Counter()
    for at, count in counts:
        index = bisect.bisect_right(places, (at, chr(0x10ffff))) - 1
        result["hypervisor" if at >> 47 else places[index][1] if index >= 0 else "?"] += count
    return result


def read_counts(path):
    return [tuple(int(word, 0) for word in line.split()) for line in path.read_text().splitlines()]


def plugins(places, entry, work, window="", until="main"):
    """QEMU's options that look at a start from a symbol until another: what it executes and what it
    touches. `window` narrows them to some of the addresses."""
    address = {name: at for at, name in places}
    between = f"begin={address[entry]:#x},end={address[until]:#x}{window}"
    return ["-plugin", f"{BUILD}/bench/insn.so,{between},to={work}/counts",
            "-plugin", f"{BUILD}/bench/touch.so,{between},to={work}/touched"]


def read_touched(work):
    """{what: how often} of what the plugin has told."""
    return {what: int(count) for what, count in map(str.split, (work / "touched").read_text().splitlines())}


def counted_under_qemu(image, *options, until="main"):
    """How many guest instructions each function executes from PVH's entry until main, and what is touched
    until then."""
    places = symbols(image)
    with folder() as work:
        words = " ".join(plugins(places, "pv_pvh_start", work, until=until))
        run([CORACLE, "run", *options, image],
            env=wrapped(work, f'exec qemu-system-x86_64 "$@" {words}'))
        return by_function(places, read_counts(work / "counts")), read_touched(work)


def counted_by_stepping(image, *options, until="main", limit=600):
    """The same on native, where the monitor's own code steps through the guest."""
    places = symbols(image)
    address = {name: at for at, name in places}
    with folder() as work:
        environment = dict(os.environ, STEP_UNTIL=hex(address[until]), STEP_TO=str(work / "counts"))
        run([BUILD / "bench" / "step", "run", *options, image], env=environment, limit=limit)
        return by_function(places, read_counts(work / "counts"))


def stepped_in_time(image, *options):
    """Stepping is so slow that a time slice may be over before its upcall is answered, which then never
    ends: such a count is begun anew. None if none comes to an end."""
    for _ in range(STEP_TRIES):
        try:
            return counted_by_stepping(image, *options, limit=STEP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    return None


def figure_of_counts(results, name, title, runs):
    totals = [sum(counts.values()) for counts in runs]
    others = [sum(count for of, count in counts.items() if of not in CALIBRATION) for counts in runs]
    most = runs[0].most_common(8)
    if min(others) != max(others):
        print(f"  they differ between runs, calibration apart: {sorted(set(others))}")
    return results.figure(f"instructions.{name}", title, "instructions", value=max(totals), samples=totals,
                          command=ran(), note="most in " + ", ".join(f"{of} {count}" for of, count in most))


def note_counts(results, name, runs):
    results.reach(f"instructions.{name}",
                  figure_of_counts(results, name, f"entry to main, {name}", runs))


def note_io(results, on, counted):
    """The hello that has a socket and a disk: to main, before which the network comes up, and until it has
    a socket that listens and a block of the disk, which is looked for only then. As with hello, the
    largest of the runs counts."""
    for name, until, title in (("io", "main", "entry to main"),
                               ("io-done", "both_in_use", "entry to both in use")):
        runs = [counted(until) for _ in range(few(1, 3))]
        figure_of_counts(results, f"{name}.{on}", f"hello with a socket and a disk, {title}, {on}", runs)


def note_io_native(results):
    """With a disk alone: with a network, whose timers come before, no count by stepping ends."""
    title = "hello with a socket and a disk, entry to main, native"
    with folder() as work:
        counts = stepped_in_time(HELLO_IO, "--blk", disk_in(work))
    if counts:
        figure_of_counts(results, "io.native", f"{title}, no net attached", [counts])
    else:
        results.not_measured("instructions.io.native", f"{title}, no net attached", "instructions",
                             f"none of {STEP_TRIES} counts ended within {STEP_SECONDS} s: stepping is "
                             "slower here than the guest's time slices")
    results.not_measured("instructions.io.native-net", f"{title}, with a net", "instructions",
                         "stepping is slower than the timers of a net")


def figure_of(what, name):
    """Name, title and unit of what a start touches."""
    title, unit = {"pages_touched": ("pages executed, read or written", "pages"),
                   "exits_before_main": ("what leaves a VM", "exits")}[what]
    return f"boot.{name}.{what}", f"{title}, entry to main, {name}", unit


def note_touched(results, name, runs, command=None):
    """Pages, and what a VM leaves its guest for where hardware runs it: under emulation nothing does."""
    command = command or ran()
    pages = [touched["pages"] for touched in runs]
    results.figure(*figure_of("pages_touched", name), value=max(pages), samples=pages, command=command)
    exits = [{what: count for what, count in touched.items() if what != "pages"} for touched in runs]
    totals = [sum(counts.values()) for counts in exits]
    most = exits[totals.index(max(totals))]
    results.figure(*figure_of("exits_before_main", name), value=max(totals), samples=totals, command=command,
                   note=", ".join(f"{what} {count}" for what, count in most.items() if count))


def disk_in(work):
    path = work / "disk"
    path.write_bytes(bytes(1 << 20))
    return path


def instructions_native(results):
    need_kvm()
    note_counts(results, "native", [counted_by_stepping(app("hello")) for _ in range(few(1, 2))])
    if results.wanted():
        note_io_native(results)


def instructions_qemu(results):
    need_qemu()
    with folder() as work:
        devices = ["--net", "user", "--blk", str(disk_in(work))]
        for name, options in (("microvm", ["--on", "microvm"]), ("q35", ["--on", "q35", *devices])):
            if not results.wanted(f"instructions.{name}"):
                continue
            runs = [counted_under_qemu(app("hello"), *options, "--accel", "tcg")
                    for _ in range(few(1, 3))]
            note_counts(results, name, [counts for counts, _ in runs])
            note_touched(results, name, [touched for _, touched in runs])
        for on in ("microvm", "q35") if results.wanted() else ():
            note_io(results, on, lambda until, on=on: counted_under_qemu(
                HELLO_IO, "--on", on, *devices, "--accel", "tcg", until=until)[0])


PARTS = (
    Part("boot-native", "exec to exit of hello on native, against a floor", native, 4, 1,
         ("boot.native.over_floor", "hypercalls.native")),
    Part("boot-microvm", "exec to exit of hello on microvm, against a floor", microvm, 22, 5,
         ("boot.microvm.over_floor",)),
    Part("boot-q35", "exec to exit of hello on q35, against a floor", q35, 10, 3),
    Part("boot-phases", "the phases of hello's start, native, microvm, q35", phases, 25, 4),
    Part("count-native", "guest instructions to main, by stepping", instructions_native, 22, 6,
         ("instructions.native",), 1),
    Part("count-qemu", "guest instructions to main, by counting in QEMU", instructions_qemu, 8, 3,
         ("instructions.microvm", "instructions.q35"), 2),
)
