# SPDX-License-Identifier: BSD-2-Clause
"""Cycles of what a kernel does all the time: the same program on Coracle and on the host's Linux, on
the same CPU."""
import shutil

from harness import BUILD, CORACLE
from host import Part, need_kvm
from measure import few, run

TITLES = {"loop": "one turn of an empty loop", "fpu": "FPU control words saved and loaded",
          "switch": "switch between two threads", "lock": "uncontended lock and unlock",
          "condition": "condition signalled, waiter running",
          "thread": "thread created and joined", "malloc": "malloc and free of 64 bytes",
          "clock": "reading the clock", "page": "page mapped, written, unmapped",
          "timer-lateness": "lateness of a sleep of 100 us"}


def taken(command):
    """{name: cycles} of one run of the program, by the fastest of its rounds: what else the machine
    does only ever adds to them."""
    return {name: float(least) for name, _, least in
            (line.split() for line in run(command).splitlines())}


def pinned(command):
    """On one CPU, so that both systems switch threads on the same one."""
    return ["taskset", "-c", "0", *command] if shutil.which("taskset") else command


def measure_cycles(results):
    need_kvm()
    commands = {"native": pinned([CORACLE, "run", "--on", "native", str(BUILD / "bench" / "primitives")]),
                "linux": pinned([str(BUILD / "bench" / "primitives-linux")])}
    samples = {name: {} for name in commands}
    for _ in range(few(2, 5)):
        for system, command in commands.items():
            for name, cycles in taken(command).items():
                samples[system].setdefault(name, []).append(cycles)
    medians = {}
    for name in samples["native"]:
        for system, words in (("native", "Coracle"), ("linux", "Linux")):
            medians[system, name] = results.figure(
                f"cycles.{name}.{system}", f"{TITLES[name]}, {words}", "cycles",
                samples=samples[system][name])
        results.group("bars", TITLES[name], [f"cycles.{name}.native", f"cycles.{name}.linux"])
    results.reach("cycles.switch", medians["native", "switch"] - medians["native", "fpu"])
    results.reach("cycles.lock", medians["native", "lock"])


def hypercall(results):
    """The hypercall that does nothing against the same exit in a VM without an operating system."""
    need_kvm()
    cycles = {"native": [], "bare": []}
    for _ in range(few(3, 9)):
        cycles["native"].append(float(run(pinned([CORACLE, "run", "--on", "native",
                                                  str(BUILD / "bench" / "null-hypercall")]))))
        cycles["bare"].append(float(run(pinned([str(BUILD / "bench" / "port-exit")]))))
    null = results.figure("hypercall.null", "hypercall without work, native", "cycles",
                          samples=cycles["native"])
    bare = results.figure("hypercall.bare", "port exit from ring 3 and back, no system", "cycles",
                          samples=cycles["bare"])
    results.reach("hypercall.over_port_exit", null / bare)


PARTS = (
    Part("cycles", "primitives, against Linux on the same CPU", measure_cycles, 30, 12,
         ("cycles.switch", "cycles.lock")),
    Part("hypercall", "a null hypercall against a bare port exit", hypercall, 20, 7,
         ("hypercall.over_port_exit",)),
)
