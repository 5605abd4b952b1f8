# SPDX-License-Identifier: BSD-2-Clause
"""Cycles of what a kernel does all the time: the same program on Coracle and on the host's Linux, on
the same CPU."""
import functools

from harness import BUILD, CORACLE
from host import Part, need_kvm, on_cpu
from measure import alternate, few, run, shown

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


def hypercall(results):
    """The hypercall that does nothing against the same exit in a VM without an operating system."""
    need_kvm()
    commands = {"null": on_cpu("0", CORACLE, "run", "--on", "native",
                               BUILD / "bench" / "null-hypercall"),
                "bare": on_cpu("0", BUILD / "bench" / "port-exit")}
    cycles = alternate({name: lambda command=command: float(run(command))
                        for name, command in commands.items()}, few(3, 9), warm=0)
    null = results.figure("hypercall.null", "hypercall without work, native", "cycles",
                          samples=cycles["null"], command=shown(commands["null"]))
    bare = results.figure("hypercall.bare", "port exit from ring 3 and back, no system", "cycles",
                          samples=cycles["bare"], command=shown(commands["bare"]))
    results.group("bars", "there and back", ["hypercall.null", "hypercall.bare"],
                  over={"hypercall.null": "hypercall.bare"})
    results.reach("hypercall.over_port_exit", null / bare)


PARTS = (
    Part("cycles", "primitives, against Linux on the same CPU", measure_cycles, 25, 5,
         ("cycles.switch", "cycles.lock"), pinned="all on CPU 0"),
    Part("hypercall", "a null hypercall against a bare port exit", hypercall, 2, 1,
         ("hypercall.over_port_exit",), pinned="all on CPU 0"),
)
