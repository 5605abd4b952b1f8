# SPDX-License-Identifier: BSD-2-Clause
"""The network: httpd under wrk, and plain transfers, on native and on q35, beside nginx on the host
and beside a Linux guest in the same QEMU. Everything is in network namespaces of its own; the server
has CPU 0, the load CPU 1."""
import contextlib
import re
import struct
import subprocess
import tempfile
import time

import boot
import linux
from footprint import cpu_seconds
from harness import BUILD, CORACLE, Failure, app, folder, tap_namespace
from host import Part, need_kvm, need_program, need_qemu, need_taps, on_cpu
from leftovers import family
from measure import CommandFailed, few, run, shown

GUEST, HOST = "10.77.0.2", "10.77.0.1"
SERVER_CPU, LOAD_CPU = "0", "1"
STREAM_PORT = "9"


class Server:
    """A process that serves; it and those below it, such as QEMU, use CPU time."""

    def __init__(self, child, said):
        self.child, self.said = child, said

    def cpu_seconds(self):
        return sum(map(cpu_seconds, family(self.child.pid)))

    def check(self):
        """Raises CommandFailed if it has ended, which a server does not."""
        if self.child.poll() is not None:
            self.said.seek(0)
            raise CommandFailed(self.child.args, self.child.returncode,
                                self.said.read().decode(errors="replace"))


@contextlib.contextmanager
def process(command, **more):
    """A server, ended at the end. If something fails because it has ended before, that is said."""
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=said, **more)
        server = Server(child, said)
        try:
            yield server
        except Exception:
            server.check()
            raise
        finally:
            child.terminate()
            try:
                child.wait(timeout=5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def wait_until(command, what, server, limit=180):
    """Tries a command until it works."""
    end = time.monotonic() + limit
    while subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, check=False, timeout=limit).returncode != 0:
        server.check()
        if time.monotonic() > end:
            raise Failure(f"{what} does not answer `{shown(command)}`")
        time.sleep(0.2)


def wait_http(inside, what, server, address=GUEST):
    wait_until(inside("curl", "-sf", "-m", "5", "-o", "/dev/null", f"http://{address}/small"), what,
               server)


def wait_stream(inside, what, server):
    wait_until(inside(BUILD / "bench" / "stream-linux", GUEST, STREAM_PORT, "echo", "1"), what, server)


def coracle_words(hypervisor, image, disk=None, arguments=()):
    return [CORACLE, "run", "--on", hypervisor, "--mem", "64M", "--net",
            f"tap:ctap0,ip={GUEST}/24,gw={HOST}", *(["--blk", f"{disk},ro"] if disk else []), image,
            *arguments]


@contextlib.contextmanager
def coracle_guest(hypervisor, image, disk=None, arguments=(), environment=None):
    """An image on a tap in a namespace of its own; gives (inside, server)."""
    with tap_namespace() as inside:
        words = coracle_words(hypervisor, image, disk, arguments)
        with process(inside(*on_cpu(SERVER_CPU, *words)), env=environment) as server:
            yield inside, server


@contextlib.contextmanager
def linux_guest(hypervisor, job, site=None, plugin=None):
    """A Linux guest on a tap with the devices that an image of ours gets there."""
    with folder() as work, tap_namespace() as inside:
        archive = work / "initramfs"
        linux.initramfs(archive, job, site)
        words = boot.qemu_command(work, coracle_words(hypervisor, app("hello")), inside)
        words = linux.qemu_words(words, archive) + (["-plugin", plugin] if plugin else [])
        with process(inside(*on_cpu(SERVER_CPU, *words))) as server:
            yield inside, server


# ---- HTTP --------------------------------------------------------------------------------------

def wrk(inside, address, connections, path, seconds, close=False):
    """One run of wrk: requests a second, and latencies in ms by per cent."""
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s"]
    words += ["-H", "Connection: close"] if close else []
    command = inside(*on_cpu(LOAD_CPU, *words, f"http://{address}/{path}"))
    said = run(command, limit=seconds + 120)
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    rate = float(found.group(1)) if found else 0
    if not rate:
        raise CommandFailed(command, 0, said + "\nno request was answered")
    errors = re.search(r"Socket errors: (.*)", said)
    units = {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}
    latency = {percent: float(value) * units[unit] for percent, value, unit in
               re.findall(r"^\s+(\d\d)%\s+([\d.]+)(us|ms|s|m)$", said, re.M)}
    return rate, latency, errors.group(1) if errors else "", shown(command)


LOADS = (("30", "30 connections, 612 bytes", 30, "small", False),
         ("1000", "1,000 connections, 612 bytes", 1000, "small", False),
         ("large", "30 connections, 100 KiB", 30, "large", False),
         ("new", "30 at once, a connection each, 612 bytes", 30, "small", True))


def http_load(results, name, title, server, inside, address, note=""):
    """All loads against one server; requests a second with 30 connections."""
    rates = {}
    for key, words, connections, path, close in LOADS:
        samples = []
        for _ in range(few(1, 3)):
            before = server.cpu_seconds()
            seconds = few(1, 5)
            rate, latency, errors, command = wrk(inside, address, connections, path, seconds, close)
            samples.append(rate)
        cpu = (server.cpu_seconds() - before) / (rate * seconds) * 1e6
        rates[key] = results.figure(f"http.{name}.{key}", f"{title}, {words}", "requests/s",
                                    samples=samples, better="more", note=errors or note,
                                    command=command, latency_ms=latency, cpu_us_per_request=round(cpu, 2))
    return rates


def http_native(results):
    need_kvm()
    need_taps()
    need_program("wrk")
    with folder() as work:
        site = linux.make_site(work / "site")
        with coracle_guest("native", app("httpd"), f"{site}.tar", ["-q"]) as (inside, server):
            wait_http(inside, "httpd", server)
            ours = http_load(results, "native", "httpd on native", server, inside, GUEST,
                             "tap; server on CPU 0, wrk on CPU 1")
        command = linux.nginx_on_host(work, site, 80)
        with veth() as (outside, inside), process(inside(*on_cpu(SERVER_CPU, *command))) as server:
            wait_http(outside, "nginx", server)
            theirs = http_load(results, "host", "nginx on the host", server, outside, GUEST,
                               "veth pair; server on CPU 0, wrk on CPU 1")
    results.reach("http.over_native_nginx", ours["30"] / theirs["30"])


@contextlib.contextmanager
def veth():
    """Two namespaces with a pair of interfaces between them: 10.77.0.1 and 10.77.0.2."""
    with tap_namespace() as outside, tap_namespace() as inside:
        near, far = outside()[-1], inside()[-1]
        for command in (["-n", near, "link", "del", "ctap0"], ["-n", far, "link", "del", "ctap0"],
                        ["-n", near, "link", "add", "cveth0", "type", "veth", "peer", "name",
                         "cveth0", "netns", far],
                        ["-n", near, "addr", "add", f"{HOST}/24", "dev", "cveth0"],
                        ["-n", far, "addr", "add", f"{GUEST}/24", "dev", "cveth0"],
                        ["-n", near, "link", "set", "cveth0", "up"],
                        ["-n", far, "link", "set", "cveth0", "up"]):
            run(["ip", *command])
        yield outside, inside


SERVE_NGINX = "nginx -c /nginx.conf\n"


def http_q35(results):
    need_qemu()
    need_taps()
    need_program("wrk")
    with folder() as work:
        site = linux.make_site(work / "site")
        with coracle_guest("q35", app("httpd"), f"{site}.tar", ["-q"]) as (inside, server):
            wait_http(inside, "httpd", server)
            ours = http_load(results, "q35", "httpd on q35", server, inside, GUEST)
        with linux_guest("q35", SERVE_NGINX, site) as (inside, server):
            wait_http(inside, "nginx in the Linux guest", server)
            theirs = http_load(results, "linux-q35", "nginx in Linux on q35", server, inside, GUEST)
    results.reach("http.over_linux_guest", ours["30"] / theirs["30"])


def total_of(path):
    """What the plugin has counted so far."""
    return struct.unpack("=Q", path.read_bytes())[0]


def instructions_of(path, inside, requests):
    """Guest instructions per request, from a count that QEMU keeps in a file: those that twice as
    many requests on one connection take more, so that opening and closing it does not count."""
    totals = []
    for count in (requests, requests, 2 * requests):
        run(inside(BUILD / "bench" / "stream-linux", GUEST, "80", "get", str(count)))
        totals.append(total_of(path))
    return (totals[2] - 2 * totals[1] + totals[0]) / requests


def http_instructions(results):
    need_qemu()
    need_taps()
    requests = few(200, 3000)
    with folder() as work:
        site = linux.make_site(work / "site")
        plugin = f"{BUILD}/bench/insn.so,total={work}/total"
        environment = boot.wrapped(work, f'exec qemu-system-x86_64 "$@" -plugin "{plugin}"')
        with coracle_guest("q35", app("httpd"), f"{site}.tar", ["-q"], environment) as (inside, server):
            wait_http(inside, "httpd", server)
            ours = instructions_of(work / "total", inside, requests)
        results.figure("http.instructions.q35", "httpd on q35, per keep-alive request",
                       "instructions", value=ours)
        results.reach("http.instructions_per_request", ours)
        with linux_guest("q35", SERVE_NGINX, site, plugin) as (inside, server):
            wait_http(inside, "nginx in the Linux guest", server)
            theirs = instructions_of(work / "total", inside, requests)
        results.figure("http.instructions.linux-q35", "nginx in Linux on q35, per keep-alive request",
                       "instructions", value=theirs)


# ---- plain transfers ---------------------------------------------------------------------------

def stream(inside, what, number):
    said = run(inside(*on_cpu(LOAD_CPU, BUILD / "bench" / "stream-linux", GUEST, STREAM_PORT, what,
                              number)))
    return [float(word) for word in said.split()]


def transfers(results, name, title, inside):
    bytes_ = few(10_000_000, 200_000_000)
    rates = {}
    for what, words in (("in", "TCP into the guest"), ("out", "TCP out of the guest")):
        rates[what] = results.figure(f"tcp.{name}.{what}", f"{title}, {words}", "Mbit/s", better="more",
                                     samples=[stream(inside, what, bytes_)[0]
                                              for _ in range(few(1, 5))])
    results.figure(f"tcp.{name}.echo", f"{title}, one byte there and back", "us",
                   samples=[stream(inside, "echo", few(500, 2000))[0] for _ in range(few(1, 5))])
    datagrams = [stream(inside, "datagrams", few(10_000, 50_000)) for _ in range(few(1, 5))]
    results.figure(f"udp.{name}", f"{title}, UDP datagrams of 64 bytes that arrive", "datagrams/s",
                   better="more", samples=[rate for rate, _ in datagrams],
                   note=f"lost: {max(lost for _, lost in datagrams)} %")
    return rates


def bulk_native(results):
    need_kvm()
    need_taps()
    with coracle_guest("native", BUILD / "bench" / "stream", None, [STREAM_PORT]) as (inside, server):
        wait_stream(inside, "stream", server)
        transfers(results, "native", "native", inside)


def bulk_q35(results):
    need_qemu()
    need_taps()
    rates = {}
    with coracle_guest("q35", BUILD / "bench" / "stream", None, [STREAM_PORT]) as (inside, server):
        wait_stream(inside, "stream", server)
        rates["ours"] = transfers(results, "q35", "Coracle on q35", inside)
    with linux_guest("q35", f"stream {STREAM_PORT}\n") as (inside, server):
        wait_stream(inside, "stream in the Linux guest", server)
        rates["theirs"] = transfers(results, "linux-q35", "Linux on q35", inside)
    results.group("bars", "bulk TCP on q35", ["tcp.q35.in", "tcp.linux-q35.in", "tcp.q35.out",
                                              "tcp.linux-q35.out"])
    for what in ("in", "out"):
        results.reach(f"tcp.{what}_over_linux_guest", rates["ours"][what] / rates["theirs"][what])


def soak(results):
    """Ten minutes of load; somebody who asks once a second must be answered each time."""
    need_kvm()
    need_taps()
    need_program("wrk")
    seconds = few(5, 600)
    with folder() as work:
        site = linux.make_site(work / "site")
        with coracle_guest("native", app("httpd"), f"{site}.tar", ["-q"]) as (inside, server):
            wait_http(inside, "httpd", server)
            load = subprocess.Popen(inside(*on_cpu(LOAD_CPU, "wrk", "-t1", "-c30", f"-d{seconds}s",
                                                   f"http://{GUEST}/small")),
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
            slowest = 0.0
            try:
                while load.poll() is None:
                    begin = time.monotonic()
                    wait_http(inside, "httpd under load", server)
                    slowest = max(slowest, time.monotonic() - begin)
                    time.sleep(1)
            finally:
                load.terminate()
                said, _ = load.communicate(timeout=60)
    if load.returncode != 0:
        raise CommandFailed(load.args, load.returncode, said)
    count = int(re.search(r"(\d+) requests in", said).group(1))
    results.figure("soak.requests", f"requests answered in {seconds} s", "requests", value=count,
                   better="more")
    results.figure("soak.slowest", "slowest answer to somebody who asks once a second, curl's own "
                   "start included", "ms", value=slowest * 1e3)


PARTS = (
    Part("http-native", "httpd on native beside nginx on the host", http_native, 125, 10,
         ("http.over_native_nginx",)),
    Part("http-q35", "httpd on q35 beside nginx in a Linux guest there", http_q35, 135, 18,
         ("http.over_linux_guest",)),
    Part("http-count", "guest instructions per request, exactly", http_instructions, 60, 12,
         ("http.instructions_per_request",)),
    Part("bulk-native", "TCP and UDP on native", bulk_native, 15, 2),
    Part("bulk-q35", "TCP and UDP on q35 beside a Linux guest there", bulk_q35, 110, 11,
         ("tcp.in_over_linux_guest", "tcp.out_over_linux_guest")),
    Part("soak", "load for a long time without a stall", soak, 605, 6),
)
