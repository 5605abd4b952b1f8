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
    alone: float = None  # seconds for one of the goals, if that takes less
    pinned: str = ""  # what stays on which CPU (by on_cpu)

    def affinity(self):
        reason = why_unpinned()
        return "not pinned" if not self.pinned else f"not pinned: {reason}" if reason else self.pinned

    def estimate(self, only=()):
        """Seconds, for everything or for these goals only."""
        seconds = self.quick_seconds if QUICK else self.seconds
        return min(seconds, self.alone * len(only)) if only and self.alone else seconds


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


def commit(folder):
    """Of the checkout in a folder, with a mark if its files are not that commit's; None if it is none."""
    git = ["git", "-C", str(folder)]
    try:
        top, head, changes = (subprocess.run([*git, *words], stdin=subprocess.DEVNULL, capture_output=True,
                                             text=True, check=True, timeout=60).stdout.strip()
                              for words in (("rev-parse", "--show-toplevel"), ("rev-parse", "HEAD"),
                                            ("status", "--porcelain")))
    except (OSError, subprocess.SubprocessError):
        return None
    return head + " with changes" * bool(changes) if os.path.samefile(top, folder) else None


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


def why_unpinned():
    """Why on_cpu cannot do what it is for; None if it can."""
    return "there is one CPU" if os.cpu_count() < 2 else why_not(lambda: need_program("taskset", "util-linux"))


def on_cpu(cpu, *command):
    """A command that stays on one CPU where there are several."""
    return [*([] if why_unpinned() else ["taskset", "-c", cpu]), *map(str, command)]
