# SPDX-License-Identifier: BSD-2-Clause
"""Web servers under wrk: httpd on native beside nginx on the host, httpd on q35 beside nginx in a Linux guest
there, guest instructions for a request, and a load that lasts."""
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
from host import Part, need_kvm, need_program, need_qemu, need_taps, on_cpu
from measure import QUICK, CommandFailed, alternate, few, run, shown
from network import (COUNTED, GUEST, LOAD_CPU, SERVE_NGINX, coracle_guest, linux_guest,
                     nginx_on_host, wait_http)

LATENCY_SCRIPT = str(ROOT / "bench" / "latency.lua")
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
    """A server that is up."""
    title: str
    inside: object
    server: object
    note: str = ""


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


def wrk(system, load):
    """One run under one load."""
    seconds = few(1, load[5])
    command = wrk_words(system.inside, load, seconds)
    before = system.server.cpu_seconds()
    said = run(command, limit=seconds + 120)
    used = system.server.cpu_seconds() - before
    count = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)", said)
    if not count or not int(count.group(1)):
        raise CommandFailed(command, 0, said + "\nno request was answered")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said).group(1))
    errors = re.search(r"Socket errors: (.*)", said)
    latency = re.search(r"^latencies (.*)$", said, re.M).group(1)
    return Sample(rate, {percent: float(us) / 1e3 for percent, _, us in
                         (word.partition("=") for word in latency.split())},
                  errors.group(1) if errors else "", used / int(count.group(1)) * 1e6)


def middle(samples):
    """The curve of several: of each percentage the median, of the slowest answers the slowest."""
    curve = {percent: statistics.median(sample.latency_ms[percent] for sample in samples)
             for percent in samples[0].latency_ms}
    return {**curve, "100": max(sample.latency_ms["100"] for sample in samples)}


def note_load(results, name, system, load, samples):
    errors = "; ".join(dict.fromkeys(sample.errors for sample in samples if sample.errors))
    return results.figure(f"http.{name}.{load[0]}", f"{system.title}, {load[1]}", "requests/s",
                          samples=[sample.rate for sample in samples], better="more",
                          note=errors or system.note,
                          command=shown(wrk_words(system.inside, load, few(1, load[5]))),
                          latency_ms=middle(samples),
                          latency_samples_ms=[sample.latency_ms for sample in samples],
                          cpu_us_per_request=statistics.median(sample.cpu_us for sample in samples),
                          cpu_samples_us=[sample.cpu_us for sample in samples])


def http_loads(results, systems, loads=LOADS):
    """Loads, the systems by turns; {(system, load): requests a second}."""
    rates = {}
    for load in loads:
        if QUICK and load not in QUICK_LOADS:
            for name, system in systems.items():
                results.not_measured(f"http.{name}.{load[0]}", f"{system.title}, {load[1]}", "requests/s",
                                     "QUICK=1")
            continue
        samples = {}
        try:
            alternate({name: functools.partial(wrk, system, load) for name, system in systems.items()},
                      few(1, 4), warm=few(0, 1), samples=samples)
        finally:
            for name, system in systems.items():
                if samples.get(name):
                    rates[name, load[0]] = note_load(results, name, system, load, samples[name])
        results.group("bars", load[1], [f"http.{name}.{load[0]}" for name in systems])
    return rates


def httpd(hypervisor, site, **more):
    return coracle_guest(hypervisor, app("httpd"), f"{site}.tar,ro", ["-q"], **more)


def http_native(results):
    need_kvm()
    need_taps()
    need_program("wrk")
    with folder() as work:
        site = linux.make_site(work / "site")
        with httpd("native", site) as (ours, server), nginx_on_host(work, site) as (theirs, nginx):
            wait_http(ours, "httpd", server)
            wait_http(theirs, "nginx", nginx)
            rates = http_loads(results, {
                "native": System("httpd on native", ours, server, "tap; server on CPU 0, wrk on CPU 1"),
                "host": System("nginx on the host", theirs, nginx,
                               "veth pair; server on CPU 0, wrk on CPU 1")})
    results.reach("http.over_native_nginx", rates["native", "30"] / rates["host", "30"])


def http_q35(results):
    need_qemu()
    need_taps()
    need_program("wrk")
    with folder() as work:
        site = linux.make_site(work / "site")
        with httpd("q35", site) as (ours, server), \
                linux_guest("q35", SERVE_NGINX, site) as (theirs, nginx):
            wait_http(ours, "httpd", server)
            wait_http(theirs, "nginx in the Linux guest", nginx)
            rates = http_loads(results, {
                "q35": System("httpd on q35", ours, server),
                "linux-q35": System("nginx in Linux on q35", theirs, nginx)})
    results.reach("http.over_linux_guest", rates["q35", "30"] / rates["linux-q35", "30"])


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
            "http.instructions.q35", "httpd on q35, per keep-alive request", "instructions", samples=ours))
        with linux_guest("q35", SERVE_NGINX, site, plugin) as (inside, server):
            wait_http(inside, "nginx in the Linux guest", server)
            theirs = instructions_of(work / "total", inside, requests)
        results.figure("http.instructions.linux-q35", "nginx in Linux on q35, per keep-alive request",
                       "instructions", samples=theirs)


# ---- a long time -------------------------------------------------------------------------------

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
    count = int(re.search(r"(\d+) requests in", said).group(1))
    results.figure("soak.requests", f"requests answered in {seconds} s", "requests", value=count,
                   better="more", command=shown(load.args))
    results.figure("soak.slowest", "slowest answer to somebody who asks once a second, curl's own "
                   "start included", "ms", value=max(waits), samples=waits)


PARTS = (
    Part("http-native", "httpd on native beside nginx on the host", http_native, 175, 10,
         ("http.over_native_nginx",)),
    Part("http-q35", "httpd on q35 beside nginx in a Linux guest there", http_q35, 190, 18,
         ("http.over_linux_guest",)),
    Part("http-count", "guest instructions per request", http_instructions, 60, 12,
         ("http.instructions_per_request",)),
    Part("soak", "load for a long time without a stall", soak, 605, 4),
)
