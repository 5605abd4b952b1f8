# SPDX-License-Identifier: BSD-2-Clause
"""Web servers under wrk: httpd on native beside nginx on the host, httpd on q35 and microvm beside nginx
in a Linux guest on q35, guest instructions for a request, and a load that lasts."""
import contextlib
import dataclasses
import functools
import re
import statistics
import struct
import subprocess
import threading
import time

import boot
import linux
from harness import BUILD, ROOT, app, folder
from host import Part, need_kvm, need_one, need_program, need_qemu, need_taps, on_cpu, why_not
from measure import QUICK, CommandFailed, alternate, few, over, run, shown
from network import (COUNTED, GUEST, LOAD_CPU, PINNED, SERVE_NGINX, SERVER_CPU, coracle_guest, linux_guest,
                     nginx_on_host, wait_http)

LATENCY_SCRIPT = str(ROOT / "bench" / "latency.lua")
STALL_MS = 10_000  # an answer that takes longer than this under a lasting load
# name, words, connections at once, file, whether each answer ends its connection, seconds of a sample
LOADS = (("30", "30 connections, 612 bytes", 30, "small", False, 3),
         ("1000", "1,000 connections, 612 bytes", 1000, "small", False, 3),
         ("large", "30 connections, 100 KiB", 30, "large", False, 3),
         ("new", "30 at once, a connection each, 612 bytes", 30, "small", True, 3),
         ("1000-large", "1,000 connections, 100 KiB", 1000, "large", False, 4),
         ("1000-new", "1,000 at once, a connection each, 612 bytes", 1000, "small", True, 2))
QUICK_LOADS = LOADS[:4]


@dataclasses.dataclass
class System:
    """A server that is up; or why there is none."""
    title: str
    inside: object = None
    server: object = None
    note: str = ""
    missing: str = None


@dataclasses.dataclass
class Sample:
    """What one run of wrk has told."""
    rate: float
    latency_ms: dict  # by per cent, as words; "100" is the slowest answer
    errors: str
    cpu_us: float  # the server's, for a request


def wrk_words(inside, load, seconds):
    _, _, connections, path, close, _ = load
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", LATENCY_SCRIPT, "--timeout", "30s"]
    words += ["-H", "Connection: close"] if close else []
    return inside(*on_cpu(LOAD_CPU, *words, f"http://{GUEST}/{path}"))


def told(command, said):
    """What wrk says when it is over: (answers, answers a second, latencies as in Sample, errors)."""
    count = re.search(r"(\d+) requests in ", said)
    if not count or not int(count.group(1)):
        raise CommandFailed(command, 0, said + "\nno request was answered")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said).group(1))
    words = re.search(r"^latencies (.*)$", said, re.M).group(1).split()
    latency = {percent: float(us) / 1e3 for percent, _, us in (word.partition("=") for word in words)}
    errors = re.findall(r"^ *((?:Socket errors|Non-2xx or 3xx responses): .*)$", said, re.M)
    return int(count.group(1)), rate, latency, "; ".join(errors)


def wrk(system, load):
    """One run under one load."""
    seconds = few(1, load[5])
    command = wrk_words(system.inside, load, seconds)
    before = system.server.cpu_seconds()
    said = run(command, limit=seconds + 120)
    used = system.server.cpu_seconds() - before
    count, rate, latency, errors = told(command, said)
    return Sample(rate, latency, errors, used / count * 1e6)


def middle(samples):
    """The curve of several: of each percentage the median, of the slowest answers the slowest."""
    curve = {percent: statistics.median(sample.latency_ms[percent] for sample in samples)
             for percent in samples[0].latency_ms}
    return {**curve, "100": max(sample.latency_ms["100"] for sample in samples)}


def load_figure(name, system, load):
    """A figure's name, title and unit."""
    return f"http.{name}.{load[0]}", f"{system.title}, {load[1]}", "requests/s"


def note_load(results, name, system, load, samples):
    errors = "; ".join(dict.fromkeys(sample.errors for sample in samples if sample.errors))
    return results.figure(*load_figure(name, system, load),
                          samples=[sample.rate for sample in samples], better="more",
                          note=errors or system.note,
                          command=shown(wrk_words(system.inside, load, few(1, load[5]))),
                          latency_ms=middle(samples),
                          latency_samples_ms=[sample.latency_ms for sample in samples],
                          cpu_us_per_request=statistics.median(sample.cpu_us for sample in samples),
                          cpu_samples_us=[sample.cpu_us for sample in samples])


def http_loads(results, systems, rates, loads=LOADS):
    """Loads, the systems by turns; fills `rates`, {(system, load): requests a second}. Goals are about the
    first one."""
    for load in loads if results.wanted() else loads[:1]:
        if QUICK and load not in QUICK_LOADS:
            for name, system in systems.items():
                results.not_measured(*load_figure(name, system, load), "QUICK=1")
            continue
        samples = {}
        try:
            alternate({name: functools.partial(wrk, system, load) for name, system in systems.items()
                       if not system.missing}, few(1, 4), warm=few(0, 1), samples=samples)
        finally:
            for name, system in systems.items():
                if system.missing:
                    results.not_measured(*load_figure(name, system, load), system.missing)
                elif samples.get(name):
                    rates[name, load[0]] = note_load(results, name, system, load, samples[name])
        results.group("bars", load[1], [f"http.{name}.{load[0]}" for name in systems],
                      over=over(systems, f"http.{{}}.{load[0]}".format))


def httpd(hypervisor, site, **more):
    return coracle_guest(hypervisor, app("httpd"), f"{site}.tar,ro", ["-q"], **more)


def start(stack, system, guest):
    """Starts a server that can run, and waits until it answers."""
    if not system.missing:
        system.inside, system.server = stack.enter_context(guest)
        wait_http(system.inside, system.title, system.server)


def compare(results, goal, systems, reasons):
    """All loads of these systems, by turns; the goal is the first one's ratio over the last one's with the
    first load, if both were there, whatever becomes of the other loads."""
    rates = {}
    ours, *_, theirs = ((name, LOADS[0][0]) for name in systems)
    try:
        http_loads(results, systems, rates)
    finally:
        if {ours, theirs} <= set(rates):
            results.reach(goal, rates[ours] / rates[theirs])
        elif reasons:
            results.goals[goal].reason = reasons


def http_native(results):
    need_taps()
    need_program("wrk")
    ours = System("httpd on native", note="tap", missing=why_not(need_kvm))
    theirs = System("nginx on the host", note="veth pair",
                    missing=why_not(linux.files))
    reasons = need_one([ours.missing, theirs.missing])
    with folder() as work, contextlib.ExitStack() as stack:
        site = linux.make_site(work / "site")
        start(stack, ours, httpd("native", site))
        start(stack, theirs, nginx_on_host(work, site))
        compare(results, "http.over_native_nginx", {"native": ours, "host": theirs}, reasons)


def http_q35(results):
    need_qemu()
    need_taps()
    need_program("wrk")
    ours = System("httpd on q35")
    small = System("httpd on microvm")
    theirs = System("nginx in Linux on q35", missing=why_not(linux.files))
    with folder() as work, contextlib.ExitStack() as stack:
        site = linux.make_site(work / "site")
        start(stack, ours, httpd("q35", site))
        start(stack, small, httpd("microvm", site))
        start(stack, theirs, linux_guest("q35", SERVE_NGINX, site))
        compare(results, "http.over_linux_guest", {"q35": ours, "microvm": small, "linux-q35": theirs},
                theirs.missing)


# ---- instructions ------------------------------------------------------------------------------

def total_of(path):
    """What the plugin has counted so far."""
    return struct.unpack("=Q", path.read_bytes())[0]


def instructions_of(path, inside, requests):
    """Guest instructions per request, from a count that QEMU keeps in a file: those that twice as many
    requests on one connection take more, so that opening and closing it does not count."""
    totals = []
    for count in (requests, requests, 2 * requests):
        run(inside(BUILD / "bench" / "stream-linux", GUEST, "80", "get", str(count)))
        totals.append(total_of(path))
    return (totals[2] - 2 * totals[1] + totals[0]) / requests


def counted(work, name):
    """The plugin that counts for one system, and its file."""
    return f"{BUILD}/bench/insn.so,total={work}/{name}", work / name


def counted_httpd(work, site, name):
    """httpd in a QEMU that counts."""
    wrapper = work / f"{name}-wrapper"
    wrapper.mkdir()
    environment = boot.wrapped(wrapper, f'exec qemu-system-x86_64 "$@" -plugin "{counted(work, name)[0]}"')
    return httpd(name, site, environment=environment, options=COUNTED)


def http_instructions(results):
    """Of all that run by turns; with the goal's name, of q35 alone."""
    need_qemu()
    need_taps()
    systems = {"q35": System("httpd on q35")}
    if results.wanted():
        systems.update({"microvm": System("httpd on microvm"),
                        "linux-q35": System("nginx in Linux on q35", missing=why_not(linux.files))})
    samples, commands, takers = {}, {}, {}
    with folder() as work, contextlib.ExitStack() as stack:
        site = linux.make_site(work / "site")
        for name, system in systems.items():
            start(stack, system, linux_guest("q35", SERVE_NGINX, site, counted(work, name)[0])
                  if name == "linux-q35" else counted_httpd(work, site, name))
            if not system.missing:
                takers[name] = functools.partial(instructions_of, counted(work, name)[1], system.inside,
                                                 few(200, 1000))
        alternate(takers, few(1, 5), warm=0, samples=samples, commands=commands)
    for name, system in systems.items():
        figure = f"http.instructions.{name}", f"{system.title}, per keep-alive request", "instructions"
        if system.missing:
            results.not_measured(*figure, system.missing)
        else:
            results.figure(*figure, samples=samples[name], command=commands[name])
    results.reach("http.instructions_per_request", statistics.median(samples["q35"]))
    if results.wanted():
        results.group("bars", "instructions per keep-alive request",
                      [f"http.instructions.{name}" for name in systems],
                      over=over(systems, "http.instructions.{}".format))


# ---- a long time -------------------------------------------------------------------------------

def note_soak(results, name, seconds, load, said):
    """Notes what wrk has said of a system and how long who asks it once a second has waited; what is wrong with
    that, in words, or None."""
    count, _, latency, errors = told(load.command, said)
    more = {"command": shown(load.command)}
    results.figure(f"soak.{name}.requests", f"{name}: requests answered in {seconds} s", "requests", value=count,
                   better="more", note=errors, **more)
    for percent, word in (("50", "median"), ("99", "p99"), ("100", "most")):
        results.figure(f"soak.{name}.{word}", f"{name}: latency under this load, {percent} % of the answers", "ms",
                       value=latency[percent], **more)
    results.figure(f"soak.{name}.slowest", f"{name}: slowest answer to somebody who asks once a second, curl's "
                   "own start included", "ms", value=max(load.waits), samples=load.waits, **more)
    slowest = max(latency["100"], *load.waits)
    if slowest > STALL_MS:
        return f"{name}: an answer took {slowest / 1e3:.1f} s, which is a stall"
    wrong = "; ".join(dict.fromkeys(filter(None, [errors, *load.errors])))
    return f"{name}: {wrong}" if wrong else None


class Load:
    """wrk at work on a system, and somebody who asks it once a second beside that."""

    def __init__(self, system, seconds):
        self.system, self.command = system, wrk_words(system.inside, LOADS[0], seconds)
        self.waits, self.errors = [], []  # in ms; what curl could not do
        self.process, self.over = None, threading.Event()
        self.asking = threading.Thread(target=self.ask, daemon=True)  # for a run that is interrupted here

    def begin(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.asking.start()

    def ask(self):
        question = self.system.inside("curl", "-sSf", "-m", "60", "-o", "/dev/null", f"http://{GUEST}/small")
        while not self.over.wait(1):
            begin = time.monotonic()
            done = subprocess.run(question, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            if self.over.is_set():
                return
            self.waits.append((time.monotonic() - begin) * 1e3)
            if done.returncode != 0:
                self.errors.append(done.stderr.strip())

    def end(self):
        """What wrk has said; it is stopped if it is still at work."""
        self.over.set()
        if self.process is None:
            return ""
        self.process.terminate()
        said, _ = self.process.communicate(timeout=60)
        if self.asking.is_alive():
            self.asking.join()
        return said


def load_all(systems, seconds):
    """Loads all for so long: {name: (Load, what wrk has said)}."""
    loads = {name: Load(system, seconds) for name, system in systems.items()}
    try:
        for load in loads.values():
            load.begin()
        for load in loads.values():
            load.process.wait()
    finally:
        said = {name: (load, load.end()) for name, load in loads.items()}
    return said


def soak(results):
    """Ten minutes of load; somebody who asks once a second must be answered each time."""
    need_taps()
    need_program("wrk")
    seconds = few(3, 600)
    systems = {"native": System("httpd on native", missing=why_not(need_kvm)),
               **{on: System(f"httpd on {on}", missing=why_not(need_qemu)) for on in ("microvm", "q35")}}
    need_one([system.missing for system in systems.values()])
    with folder() as work, contextlib.ExitStack() as stack:
        site = linux.make_site(work / "site")
        for name, system in systems.items():
            start(stack, system, httpd(name, site))
        loads = load_all({name: system for name, system in systems.items() if not system.missing}, seconds)
    wrong = {}
    for name, system in systems.items():
        if system.missing:
            results.not_measured(f"soak.{name}.requests", f"{name}: requests answered in {seconds} s",
                                 "requests", system.missing)
            continue
        try:
            wrong[name] = note_soak(results, name, seconds, *loads[name])
        except CommandFailed as error:
            wrong[name] = str(error)
    if any(wrong.values()):
        name = next(name for name in wrong if wrong[name])
        raise CommandFailed(loads[name][0].command, loads[name][0].process.returncode,
                            "; ".join(filter(None, wrong.values())))


PARTS = (
    Part("http-native", "httpd on native beside nginx on the host", http_native, 195, 10,
         ("http.over_native_nginx",), 34, PINNED),
    Part("http-q35", "httpd on q35 and microvm beside nginx in a Linux guest on q35", http_q35, 310, 23,
         ("http.over_linux_guest",), 45, PINNED),
    Part("http-count", "guest instructions per request", http_instructions, 75, 16,
         ("http.instructions_per_request",), 14, f"servers on CPU {SERVER_CPU}"),
    Part("soak", "load for a long time without a stall", soak, 608, 8,
         pinned=f"{PINNED}, who asks once a second on any"),
)
