# SPDX-License-Identifier: BSD-2-Clause
"""What all benchmarks share: taking samples alternately, figures and their spread, goals, and the
file they are written to. docs/benchmarks.md describes that file."""
import dataclasses
import json
import os
import shlex
import statistics
import subprocess
import sys
import threading
import time

QUICK = os.environ.get("QUICK", "") not in ("", "0")
SCHEMA = 4  # bench/results.schema.json


class NotMeasured(Exception):
    """Something that cannot be measured here, with the reason."""


class CommandFailed(Exception):
    """A command that a benchmark runs has failed."""

    def __init__(self, command, status, said):
        self.command = shown(command)
        lines = said.strip().splitlines()
        super().__init__(f"`{self.command}` ended with status {status}"
                         + (f": {lines[-1]}" if lines else ""))


def shown(command):
    """A command as one types it."""
    return shlex.join(map(str, command))


_last = []


def remember(command, environment=None):
    """Notes what runs now, with what its environment has that ours has not."""
    _last[:] = [f"{name}={value}" for name, value in (environment or {}).items()
                if os.environ.get(name) != value] + list(command)


def ran():
    """The command that ran last, for the figure that comes of it."""
    return shown(_last)


def last_command():
    """The same for an error that does not say by itself what it comes from."""
    return f"the last command was `{ran()}`" if _last else "no command had run"


def few(quick, full):
    """How often: `quick` times with QUICK=1."""
    return quick if QUICK else full


def run(command, status=0, limit=600, **more):
    """Runs a command that must end with `status`; what it wrote to standard output."""
    remember(command, more.get("env"))
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=limit, check=False, **more)
    if done.returncode != status:
        raise CommandFailed(command, done.returncode, done.stderr.decode(errors="replace"))
    return done.stdout.decode(errors="replace")


def seconds_of(command, status=0):
    """exec to exit, seen by the process that starts it."""
    remember(command)
    started = []
    # Python's own limits poll, which would be measured.
    watchdog = threading.Timer(60, lambda: [child.kill() for child in started])
    watchdog.start()
    try:
        begin = time.perf_counter()
        started.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE))
        child = started[0]
        said = child.stderr.read()
        child.wait()
        seconds = time.perf_counter() - begin
    finally:
        watchdog.cancel()
        for child in started:
            child.kill()
            child.stderr.close()
    if child.returncode != status:
        raise CommandFailed(command, child.returncode, said.decode(errors="replace"))
    return seconds


def alternate(takers, turns, warm=3, samples=None, commands=None):
    """One sample of each in turn, so that what else the machine does meets all: {name: samples}.
    The first `warm` turns fill caches and do not count. Who keeps what was taken before a failure
    passes `samples`, which is filled, and so is `commands` with what ran last for each."""
    samples = {} if samples is None else samples
    samples.update((name, []) for name in takers)
    for turn in range(warm + turns):
        for name, take in takers.items():
            value = take()
            if commands is not None:
                commands[name] = ran()
            if turn >= warm:
                samples[name].append(value)
    return samples


# Who is compared with whom, but for what stands beside a Linux guest in the same VMM.
BASELINES = {"native": "host", "linux-virtio": "linux-emulated", "xen-pv": "dom0", "xen-pvh": "dom0"}


def over(systems, name):
    """What a group of figures compares: {figure: the one that it is divided by}, of these systems. `name`
    makes a system's name its figure's. What runs under different accelerators is not compared."""
    pairs = ((one, BASELINES.get(one, f"linux-{one}")) for one in systems)
    return {name(one): name(base) for one, base in pairs if base in systems}


def percentile(ordered, part):
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


@dataclasses.dataclass
class Figure:
    """One measured number: the median of its samples, or a count (then a sample itself)."""
    name: str
    title: str
    unit: str
    value: float
    better: str = "less"
    command: str = ""
    samples: list = dataclasses.field(default_factory=list)
    note: str = ""

    def entry(self):
        entry = {key: value for key, value in dataclasses.asdict(self).items()
                 if value != ""}
        ordered = sorted(self.samples)
        return {**entry, "least": ordered[0], "most": ordered[-1], "p90": percentile(ordered, 0.9),
                "p99": percentile(ordered, 0.99)}


@dataclasses.dataclass
class Goal:
    name: str
    title: str
    limit: float
    better: str
    unit: str
    value: float = None
    reason: str = "not measured in this run"
    hardware_limit: float = None  # where KVM has hardware under it, whose exits are quick

    def suit(self, kvm):
        """Takes the limit for such a KVM (`machine.kvm`)."""
        if self.hardware_limit is not None and kvm.startswith("hardware"):
            self.limit = self.hardware_limit

    def entry(self):
        entry = {"name": self.name, "title": self.title, "unit": self.unit, "value": self.value,
                 "limit": self.limit, "better": self.better, "met": self.met(),
                 "command": f"make bench ONLY={self.name}"}
        if self.value is None:
            entry["reason"] = self.reason
        return entry

    def met(self):
        if self.value is None:
            return None
        return self.value <= self.limit if self.better == "less" else self.value >= self.limit


def number(value):
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


class Results:
    """All that a run of the benchmarks has measured, written after each part."""

    def __init__(self, path, goals, names=()):
        self.path, self.machine, self.commit = path, {}, None
        self.command = ("make bench" + (" QUICK=1" if QUICK else "")
                        + (f" ONLY={shlex.quote(' '.join(names))}" if names else ""))
        self.goals = {goal.name: goal for goal in goals}
        self.parts, self.only = [], frozenset()
        self.begun = time.time()
        self.interrupted = False

    def on(self, machine, commit):
        """Notes what is measured, and where, which some goals depend on."""
        self.machine, self.commit = machine, commit
        for goal in self.goals.values():
            goal.suit(machine["kvm"])

    def part(self, name, title, affinity, only=frozenset()):
        """What comes now belongs to this part, of which perhaps some goals are asked for alone."""
        self.only = only
        self.parts.append({"name": name, "title": title, "affinity": affinity, "status": "measured",
                           "figures": [], "groups": []})

    def wanted(self, goal=None):
        """Whether to measure what leads to a goal of this part; without one, what leads to none."""
        return not self.only or goal in self.only

    def figure(self, name, title, unit, value=None, samples=(), **more):
        """Notes a figure; with samples its value is their median, without it is the only one."""
        samples = list(samples) or [value]
        more.setdefault("command", f"make bench ONLY={self.parts[-1]['name']}")
        if value is None:
            value = statistics.median(samples)
        known = {field.name for field in dataclasses.fields(Figure)}
        figure = Figure(name, title, unit, value, samples=samples,
                        **{key: more.pop(key) for key in list(more) if key in known})
        self.parts[-1]["figures"].append({**figure.entry(), **more})
        spread = ""
        if len(samples) > 1:
            ordered = sorted(samples)
            spread = f" (least {number(ordered[0])}, 90 % below {number(percentile(ordered, .9))})"
        print(f"  {title}: {number(value)} {unit}{spread}", flush=True)
        return value

    def not_measured(self, name, title, unit, reason):
        """Notes a figure that cannot be had here, and why."""
        self.parts[-1]["figures"].append({"name": name, "title": title, "unit": unit, "value": None,
                                          "reason": reason})
        print(f"  {title}: not measured: {reason}", flush=True)

    def group(self, kind, title, names, **more):
        """Says which figures of this part belong into one picture (`kind`: bars, timeline), and, with
        `over`, which of them are divided by which."""
        self.parts[-1]["groups"].append({"kind": kind, "title": title, "figures": list(names),
                                         **more})

    def reach(self, name, value):
        """Notes what was measured for a goal."""
        goal = self.goals[name]
        goal.value = value
        sign = "at most" if goal.better == "less" else "at least"
        print(f"  {'ok  ' if goal.met() else 'MISS'} {goal.title}: {number(value)} {goal.unit} "
              f"(goal: {sign} {number(goal.limit)})", flush=True)

    def close_part(self, seconds, status="measured", reason=None, goals=()):
        part = self.parts[-1]
        part.update(seconds=round(seconds, 3), status=status)
        if reason:
            part["reason"] = reason
            print(f"  {status}: {reason}", flush=True)
            for name in goals:
                if self.goals[name].value is None:
                    self.goals[name].reason = reason
        self.write()

    def write(self):
        document = {"schema": SCHEMA,
                    "begun": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.begun)),
                    "seconds": round(time.time() - self.begun, 1), "quick": QUICK,
                    "interrupted": self.interrupted, "command": self.command, "commit": self.commit,
                    "machine": self.machine,
                    "goals": [goal.entry() for goal in self.goals.values()], "parts": self.parts}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(document, indent=1) + "\n")
        new.replace(self.path)


def fail(words):
    print(f"bench/run: {words}", file=sys.stderr)
    return 2
