# SPDX-License-Identifier: BSD-2-Clause
"""The machine that is measured on: what it is, which tools it has, and what a part of the
benchmarks is."""
import dataclasses
import os
import pathlib
import platform
import re
import shutil
import subprocess
import typing

from harness import CORACLE
from measure import NotMeasured, QUICK


@dataclasses.dataclass
class Part:
    """Some figures that are measured together."""
    name: str
    title: str
    measure: typing.Callable
    seconds: float  # that it takes, about
    quick_seconds: float
    goals: tuple = ()

    def estimate(self):
        return self.quick_seconds if QUICK else self.seconds


def cpu_facts():
    facts = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    return facts


def kvm_kind(flags):
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "none"
    for flag in ("vmx", "svm"):
        if flag in flags:
            return f"{'nested' if 'hypervisor' in flags else 'hardware'} ({flag.upper()})"
    return "without hardware virtualization beneath it"


def version(*command):
    """The first number with a dot that a program says of itself; None without the program."""
    if shutil.which(command[0]) is None:
        return None
    try:
        said = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    found = re.search(r"\d+(\.\d+)+", said.stdout + said.stderr)
    return found.group(0) if found else "unknown"


def describe():
    facts = cpu_facts()
    memory = re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())
    return {"cpu": facts.get("model name", "unknown"), "cores": os.cpu_count(),
            "memory_bytes": int(memory.group(1)) * 1024, "kernel": platform.release(),
            "kvm": kvm_kind(facts.get("flags", "").split()),
            "versions": {}}


def versions():
    """Of what is installed."""
    return {"coracle": version(CORACLE, "--version"), "qemu": version("qemu-system-x86_64", "--version"),
            "wrk": version("wrk", "--version"), "fio": version("fio", "--version"),
            "iperf3": version("iperf3", "--version")}


def need_kvm():
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        raise NotMeasured("/dev/kvm cannot be opened")


def need_program(name, package=None):
    if shutil.which(name) is None:
        raise NotMeasured(f"{name} is not installed" + (f" (package {package})" if package else ""))


def need_qemu():
    need_program("qemu-system-x86_64", "qemu-system-x86")


def need_taps():
    """A network namespace and a tap in it."""
    if os.geteuid() != 0:
        raise NotMeasured("needs root")
    need_program("ip", "iproute2")
    need_program("curl")
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        raise NotMeasured("/dev/net/tun cannot be opened")


def why_not(need):
    """The reason why something that is needed is not there; None if it is."""
    try:
        need()
    except NotMeasured as why:
        return str(why)
    return None


def need_one(reasons):
    """Of several systems one must be able to run: `reasons` tells why each cannot, None where it can.
    All the reasons that there are, as words."""
    there = "; ".join(dict.fromkeys(filter(None, reasons)))
    if all(reasons):
        raise NotMeasured(there)
    return there


def on_cpu(cpu, *command):
    """A command that stays on one CPU where there are several."""
    pin = ["taskset", "-c", cpu] if os.cpu_count() > 1 and shutil.which("taskset") else []
    return [*pin, *map(str, command)]
