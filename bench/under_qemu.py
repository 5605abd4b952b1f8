# SPDX-License-Identifier: BSD-2-Clause
"""What VMs take that QEMU runs, on microvm and q35: memory of the host while they are idle, by QEMU's
process and the command above it, and how many fit, by starting so many. footprint.py has the same on
native."""
import contextlib
import subprocess
import time

from footprint import SITE, answers, smaps
from harness import Failure, Machine, app, free_port, guest, wait_http
from host import Part, need_qemu
from leftovers import family
from measure import few, shown

MACHINES = ("microvm", "q35")
GIB = 2**30
MANY_MOST = few(2, 64)  # started at most, if they do not fill a GiB before


def memory_of(machine, field):
    return sum(smaps(pid, field) for pid in family(machine.process.pid))


def httpd(on):
    """One with 8 MiB, as those of footprint.py; (port, machine)."""
    port = free_port()
    return port, Machine("--on", on, "--mem", "8M", "--net", f"user,{port}:80", "--blk", f"{SITE},ro",
                         app("httpd"), stdout=subprocess.DEVNULL)


def idle(results, on):
    samples = {}
    for _ in range(few(1, 3)):
        port, server = httpd(on)
        with Machine("--on", on, guest("sleep_forever")) as sleeper, server:
            sleeper.wait_line("asleep", "out")
            wait_http(port, machine=server)
            time.sleep(1)
            for name, machine in (("hello", sleeper), ("httpd", server)):
                command = shown(machine.process.args)
                for kind, field in (("private", r"Private_\w+"), ("proportional", "Pss")):
                    samples.setdefault((name, kind), (command, []))[1].append(
                        memory_of(machine, field) / 2**20)
    titles = {"hello": "a hello that sleeps", "httpd": "an idle httpd"}
    for (name, kind), (command, values) in samples.items():
        results.figure(f"idle.{on}.{name}.{kind}", f"{kind} memory of {titles[name]}, {on}", "MiB",
                       samples=values, command=command, note="QEMU's, the guest in it")


def many(results, on):
    """Starts httpd until a GiB is full by their proportional memory, and asks all of them again."""
    machines, used = [], 0
    with contextlib.ExitStack() as stack:
        while used < GIB and len(machines) < MANY_MOST:
            port, machine = httpd(on)
            stack.enter_context(machine)
            if not answers(port, machine):
                raise Failure(f"{on}: no answer from the {len(machines) + 1}th httpd: {machine.lines}")
            machines.append((port, machine))
            used += memory_of(machine, "Pss")  # less once there are more to share with
        used = sum(memory_of(machine, "Pss") for _, machine in machines)
        command = shown(machines[0][1].process.args)
        again = sum(machine.running() and answers(port, machine) for port, machine in machines)
    results.figure(f"many.{on}.answered", f"of {len(machines)} idle httpd answered, twice, {on}", "VMs",
                   value=again, better="more", command=command,
                   note=f"they took {used / 2**20:.0f} MiB together, by Pss")
    results.figure(f"many.{on}.per_gib", f"idle httpd in a GiB, {on}", "VMs",
                   value=int(GIB / (used / len(machines))), better="more", command=command)


def measure(results):
    need_qemu()
    for on in MACHINES:
        idle(results, on)
        many(results, on)
    for what in ("hello", "httpd"):
        for kind in ("private", "proportional"):
            results.group("bars", f"{kind} memory, {what}", [f"idle.{on}.{what}.{kind}" for on in MACHINES])


PARTS = (Part("idle-qemu", "memory of idle VMs on microvm and q35, and how many fit", measure, 30, 5),)
