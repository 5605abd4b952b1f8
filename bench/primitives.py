# SPDX-License-Identifier: BSD-2-Clause
"""Cycles of what a kernel does all the time: the same program on Coracle and on Linux, on the same CPU.
On native beside the host's Linux, under QEMU beside a Linux guest there."""
import functools

import boot
import linux
from harness import BUILD, CORACLE, app, folder
from host import Part, need_kvm, need_qemu, on_cpu, why_not
from measure import QUICK, CommandFailed, NotMeasured, alternate, few, over, run, shown

TITLES = {"loop": "one turn of an empty loop", "fpu": "FPU control words saved and loaded",
          "switch": "switch between two threads", "lock": "uncontended lock and unlock",
          "condition": "condition signalled, waiter running",
          "thread": "thread created and joined", "malloc": "malloc and free of 64 bytes",
          "clock": "reading the clock", "call": "system call that does nothing (getppid)",
          "page": "page mapped, written, unmapped",
          "timer-lateness": "lateness of a sleep of 100 us"}


FEW_ROUNDS = "3"  # where the machine is emulated
SYSTEMS = {"microvm": "Coracle on microvm", "q35": "Coracle on q35", "linux-q35": "Linux on q35"}


def told(said):
    """{name: cycles} of what the program says, by the fastest of its rounds: what else the machine
    does only ever adds to them."""
    return {name: float(least) for name, _, least in map(str.split, said.splitlines())}


def taken(command):
    return told(run(command))


def measure_cycles(results):
    need_kvm()
    # On one CPU, so that both systems switch threads on the same one.
    commands = {"native": on_cpu("0", CORACLE, "run", "--on", "native",
                                 BUILD / "bench" / "primitives"),
                "linux": on_cpu("0", BUILD / "bench" / "primitives-linux")}
    runs = alternate({system: functools.partial(taken, command)
                      for system, command in commands.items()}, few(1, 5), warm=0)
    medians = {}
    for name in runs["native"][0]:
        for system, words in (("native", "Coracle"), ("linux", "Linux")):
            medians[system, name] = results.figure(
                f"cycles.{name}.{system}", f"{TITLES[name]}, {words}", "cycles",
                samples=[cycles[name] for cycles in runs[system]], command=shown(commands[system]))
        results.group("bars", TITLES[name], [f"cycles.{name}.native", f"cycles.{name}.linux"],
                      over={f"cycles.{name}.native": f"cycles.{name}.linux"})
    results.reach("cycles.switch", medians["native", "switch"] - medians["native", "fpu"])
    results.reach("cycles.lock", medians["native", "lock"])


# ---- under QEMU --------------------------------------------------------------------------------

def in_linux(words):
    """The same of a run in a Linux guest, whose console says other things, too."""
    lines = [line.removeprefix("result ") for line in run(words).splitlines()
             if line.startswith("result ")]
    if len(lines) != len(TITLES):
        raise CommandFailed(words, 0, f"{len(lines)} of {len(TITLES)} primitives")
    return told("\n".join(lines))


def commands_under_qemu(work):
    """{system: words}; Linux only where it can be had, and the reason if not."""
    commands = {on: on_cpu("0", CORACLE, "run", "--on", on, BUILD / "bench" / "primitives", "all", FEW_ROUNDS)
                for on in ("microvm", "q35")}
    reason = why_not(linux.files)
    if not reason:
        linux.initramfs(work / "initramfs", f"primitives all {FEW_ROUNDS} | sed 's/^/result /'\n")
        words = boot.qemu_command(work, [CORACLE, "run", "--on", "q35", app("hello")])
        commands["linux-q35"] = on_cpu("0", *linux.qemu_words(words, work / "initramfs"))
    return commands, reason


def cycles_under_qemu(results):
    """A time stamp counter that QEMU emulates tells the host's time: so these are ticks of time, and
    compare with one another only."""
    if QUICK:
        raise NotMeasured("QUICK=1")
    need_qemu()
    with folder() as work:
        commands, no_linux = commands_under_qemu(work)
        runs = {}
        try:
            alternate({system: functools.partial(in_linux if system == "linux-q35" else taken, words)
                       for system, words in commands.items()}, 2, warm=0, samples=runs)
        finally:
            for name, title in TITLES.items():
                for system, samples in runs.items():
                    if samples:
                        results.figure(f"cycles.{name}.{system}", f"{title}, {SYSTEMS[system]}",
                                       "cycles", samples=[cycles[name] for cycles in samples],
                                       command=shown(commands[system]))
                if no_linux:
                    results.not_measured(f"cycles.{name}.linux-q35",
                                         f"{title}, {SYSTEMS['linux-q35']}", "cycles", no_linux)
                known = [system for system, samples in runs.items() if samples]
                results.group("bars", title, [f"cycles.{name}.{system}" for system in known],
                              over=over(known, f"cycles.{name}.{{}}".format))


# ---- hypercalls --------------------------------------------------------------------------------

def hypercall(results):
    """The hypercall that does nothing against the same exit in a VM without an operating system, and
    what takes its place for a program of Linux, a system call."""
    need_kvm()
    commands = {"null": on_cpu("0", CORACLE, "run", "--on", "native",
                               BUILD / "bench" / "null-hypercall"),
                "bare": on_cpu("0", BUILD / "bench" / "port-exit"),
                "linux": on_cpu("0", BUILD / "bench" / "primitives-linux", "call")}
    takers = {name: lambda command=command: float(run(command).split()[-1])
              for name, command in commands.items()}
    cycles = alternate(takers, few(7, 25), warm=0)
    for name, title in (("null", "hypercall without work, native"),
                        ("bare", "port exit from ring 3 and back, no system"),
                        ("linux", "system call without work, the host's Linux")):
        results.figure(f"hypercall.{name}", title, "cycles", samples=cycles[name],
                       command=shown(commands[name]))
    for on in ("microvm", "q35"):
        results.not_measured(f"hypercall.null.{on}", f"hypercall without work, {on}", "cycles",
                             "QEMU has no hypercalls: guests reach it by their devices' registers")
    results.group("bars", "what is beneath a program, entered", ["hypercall.null", "hypercall.linux"],
                  over={"hypercall.null": "hypercall.linux"})
    results.group("bars", "there and back", ["hypercall.null", "hypercall.bare"],
                  over={"hypercall.null": "hypercall.bare"})
    # Whole runs are fast or slow here, by a third: the fastest of each are alike.
    results.reach("hypercall.over_port_exit", min(cycles["null"]) / min(cycles["bare"]))


PARTS = (
    Part("cycles", "primitives, against Linux on the same CPU", measure_cycles, 25, 5,
         ("cycles.switch", "cycles.lock"), pinned="all on CPU 0"),
    Part("cycles-qemu", "primitives on microvm and q35, against a Linux guest on q35",
         cycles_under_qemu, 50, 0, pinned="all on CPU 0"),
    Part("hypercall", "a null hypercall against a bare port exit", hypercall, 13, 3,
         ("hypercall.over_port_exit",), pinned="all on CPU 0"),
)
