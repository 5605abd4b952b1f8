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
import time

import boot
import linux
from harness import BUILD, ROOT, app, folder
from host import Part, need_kvm, need_one, need_program, need_qemu, need_taps, on_cpu, why_not
from measure import QUICK, CommandFailed, alternate, few, over, ran, run, shown
from network import (COUNTED, GUEST, LOAD_CPU, PINNED, SERVE_NGINX, SERVER_CPU, coracle_guest, linux_guest,
                     nginx_on_host, wait_http)

LATENCY_SCRIPT = str(ROOT / "bench" / "latency.lua")
STALL_MS = 10_000  # an answer that takes longer than this under a lasting load
# name, words, connections at once, file, whether each answer ends its connection, seconds of a sample
LOADS = (("30", "30 connections, 612 bytes", 30, "small", False, 3),
         ("1000", "1,000 connections, 612 bytes", 1000, "small", False, 3),
         ("large", "30 connections, 100 KiB", 30, "large", False, 3),
         ("new", "30 at once, a connection each, 612 bytes", 30, "small", True, 3),
         ("1000-large", "1,000 connections, 100 KiB", 1000, "large", False, 2),
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


def http_loads(results, systems, loads=LOADS):
    """Loads, the systems by turns; {(system, load): requests a second}. Goals are about the first one."""
    rates = {}
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
    return rates


def httpd(hypervisor, site, **more):
    return coracle_guest(hypervisor, app("httpd"), f"{site}.tar,ro", ["-q"], **more)


def start(stack, system, guest):
    """Starts a server that can run, and waits until it answers."""
    if not system.missing:
        system.inside, system.server = stack.enter_context(guest)
        wait_http(system.inside, system.title, system.server)


def reach_ratio(results, goal, rates, ours, theirs, reasons):
    """With the load that the goals are for, if both were there."""
    if (ours, "30") in rates and (theirs, "30") in rates:
        results.reach(goal, rates[ours, "30"] / rates[theirs, "30"])
    else:
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
        rates = http_loads(results, {"native": ours, "host": theirs})
    reach_ratio(results, "http.over_native_nginx", rates, "native", "host", reasons)


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
        rates = http_loads(results, {"q35": ours, "microvm": small, "linux-q35": theirs})
    reach_ratio(results, "http.over_linux_guest", rates, "q35", "linux-q35", theirs.missing)


# ---- instructions ------------------------------------------------------------------------------

def total_of(path):
    """What the plugin has counted so far."""
    return struct.unpack("=Q", path.read_bytes())[0]


def instructions_of(path, inside, requests):
    """Samples of guest instructions per request, from a count that QEMU keeps in a file: those that twice as
    many requests on one connection take more, so that opening and closing it does not count."""
    samples = []
    for _ in range(few(1, 5)):
        totals = []
        for count in (requests, requests, 2 * requests):
            run(inside(BUILD / "bench" / "stream-linux", GUEST, "80", "get", str(count)))
            totals.append(total_of(path))
        samples.append((totals[2] - 2 * totals[1] + totals[0]) / requests)
    return samples


def http_instructions(results):
    need_qemu()
    need_taps()
    requests = few(200, 1000)
    with folder() as work:
        site = linux.make_site(work / "site")
        plugin = f"{BUILD}/bench/insn.so,total={work}/total"
        environment = boot.wrapped(work, f'exec qemu-system-x86_64 "$@" -plugin "{plugin}"')
        with httpd("q35", site, environment=environment, options=COUNTED) as (inside, server):
            wait_http(inside, "httpd", server)
            ours = instructions_of(work / "total", inside, requests)
        results.reach("http.instructions_per_request", results.figure(
            "http.instructions.q35", "httpd on q35, per keep-alive request",
            "instructions", samples=ours, command=ran()))
        if not results.wanted():
            return
        figure = ("http.instructions.linux-q35", "nginx in Linux on q35, per keep-alive request",
                  "instructions")
        if no_linux := why_not(linux.files):
            results.not_measured(*figure, no_linux)
            return
        with linux_guest("q35", SERVE_NGINX, site, plugin) as (inside, server):
            wait_http(inside, "nginx in the Linux guest", server)
            theirs = instructions_of(work / "total", inside, requests)
        results.figure(*figure, samples=theirs, command=ran())
        results.group("bars", "instructions per keep-alive request",
                      ["http.instructions.q35", "http.instructions.linux-q35"],
                      over=over(("q35", "linux-q35"), "http.instructions.{}".format))


# ---- a long time -------------------------------------------------------------------------------

def note_soak(results, seconds, command, said, waits):
    """Notes what wrk has said and how long, in ms, who asks once a second has waited; raises
    CommandFailed if a request failed or somebody waited too long."""
    count, _, latency, errors = told(command, said)
    results.figure("soak.requests", f"native: requests answered in {seconds} s", "requests", value=count,
                   better="more", note=errors, command=shown(command))
    for percent, name in (("50", "median"), ("99", "p99"), ("100", "most")):
        results.figure(f"soak.{name}", f"native: latency under this load, {percent} % of the answers", "ms",
                       value=latency[percent], command=shown(command))
    results.figure("soak.slowest", "native: slowest answer to somebody who asks once a second, curl's own "
                   "start included", "ms", value=max(waits), samples=waits, command=shown(command))
    for on in ("microvm", "q35", "xen-pv", "xen-pvh"):
        results.not_measured(f"soak.{on}.requests", f"{on}: requests answered in {seconds} s", "requests",
                             "only native is loaded for so long")
    if errors:
        raise CommandFailed(command, 0, errors)
    slowest = max(latency["100"], *waits)
    if slowest > STALL_MS:
        raise CommandFailed(command, 0, f"an answer took {slowest / 1e3:.1f} s, which is a stall")


def soak(results):
    """Ten minutes of load; somebody who asks once a second must be answered each time."""
    need_kvm()
    need_taps()
    need_program("wrk")
    seconds = few(3, 600)
    with folder() as work:
        site = linux.make_site(work / "site")
        with httpd("native", site) as (inside, server):
            wait_http(inside, "httpd", server)
            load = subprocess.Popen(wrk_words(inside, LOADS[0], seconds), stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, text=True)
            waits = []
            try:
                while load.poll() is None:
                    begin = time.monotonic()
                    wait_http(inside, "httpd under load", server)
                    waits.append((time.monotonic() - begin) * 1e3)
                    time.sleep(1)
            finally:
                load.terminate()
                said, _ = load.communicate(timeout=60)
    if load.returncode != 0:
        raise CommandFailed(load.args, load.returncode, said)
    note_soak(results, seconds, load.args, said, waits)


PARTS = (
    Part("http-native", "httpd on native beside nginx on the host", http_native, 175, 10,
         ("http.over_native_nginx",), 34, PINNED),
    Part("http-q35", "httpd on q35 and microvm beside nginx in a Linux guest on q35", http_q35, 280, 23,
         ("http.over_linux_guest",), 45, PINNED),
    Part("http-count", "guest instructions per request", http_instructions, 60, 12,
         ("http.instructions_per_request",), 12, f"servers on CPU {SERVER_CPU}"),
    Part("soak", "load for a long time without a stall", soak, 605, 4,
         pinned=f"{PINNED}, who asks once a second on any"),
)
