# SPDX-License-Identifier: BSD-2-Clause
"""What an image and a running VM take: bytes of the file, least memory, private memory of the host,
and how many fit."""
import os
import pathlib
import re
import resource
import socket
import subprocess
import time

from harness import BUILD, CORACLE, Failure, Machine, app, folder, free_port, guest, wait_http
from host import Part, need_kvm
from measure import QUICK, few, run

SITE = BUILD / "site.tar"
PAGE_KIB = 4


def stripped_bytes(image):
    with folder() as work:
        run(["strip", "-o", work / "image", image])
        return (work / "image").stat().st_size


def size(results):
    for name in ("hello", "httpd"):
        kib = results.figure(f"size.{name}", f"{name}, stripped", "KiB",
                                   value=stripped_bytes(app(name)) / 1024)
        if name == "hello":
            results.reach("size.hello", kib)


# ---- least memory ------------------------------------------------------------------------------

def least_pages(what, low, high, works):
    """The least number of pages that works, by bisection; `high` must work."""
    if not works(high):
        raise Failure(f"{what} does not even run in {high * PAGE_KIB} KiB")
    while high - low > 1:
        middle = (low + high) // 2
        if works(middle):
            high = middle
        else:
            low = middle
    return high


def runs_in(pages, image, *options):
    return subprocess.run([CORACLE, "run", "--on", "native", "--timeout", "20", "--mem",
                           f"{pages * PAGE_KIB}K", *options, image],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


def serves_in(pages):
    port = free_port()
    with Machine("--on", "native", "--mem", f"{pages * PAGE_KIB}K", "--net", f"user,{port}:80",
                 "--blk", f"{SITE},ro", app("httpd"), stdout=subprocess.DEVNULL) as machine:
        try:
            return wait_http(port, machine=machine, limit=20)[0] == 200
        except Failure:
            return False


def reads_in(pages):
    return runs_in(pages, guest("tree"), "--blk", f"{SITE},ro")


def holds_connections(count, pages):
    """Do `count` idle connections fit, each of which answers in the end?"""
    port = free_port()
    held = []
    with Machine("--on", "native", "--mem", f"{pages * PAGE_KIB}K", "--net", f"user,{port}:80",
                 "--blk", f"{SITE},ro", app("httpd"), stdout=subprocess.DEVNULL) as machine:
        try:
            wait_http(port, machine=machine, limit=20)
            for _ in range(count):
                held.append(socket.create_connection(("127.0.0.1", port), timeout=20))
            for connection in held:
                connection.sendall(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
            return all(connection.recv(4096).startswith(b"HTTP/1.1 200") for connection in held)
        except (Failure, OSError):
            return False
        finally:
            for connection in held:
                connection.close()


def memory(results):
    need_kvm()
    least = {}
    for name, title, low, high, works in (
            ("hello", "hello", 1, 1024, lambda pages: runs_in(pages, app("hello"))),
            ("threads", "a program with four threads", 1, 1024,
             lambda pages: runs_in(pages, guest("threads_small"))),
            ("reader", "a program that reads a disk", 1, 1024, reads_in),
            ("httpd", "httpd, one page served", 16, 4096, serves_in)):
        least[name] = least_pages(title, low, high, works) * PAGE_KIB
        results.figure(f"memory.{name}", f"least memory of {title}", "KiB", value=least[name])
        if name in ("hello", "httpd"):
            results.reach(f"memory.{name}", least[name])
    results.group("bars", "least memory that works", [f"memory.{name}" for name in least])
    held = holds_connections(1000, 4096)
    results.figure("memory.connections", "idle connections that fit in 16 MiB", "connections",
                   value=1000 if held else 0, better="more",
                   note="1000 is what was tried; 0: they do not fit")


# ---- a running VM ------------------------------------------------------------------------------

def smaps(pid, field):
    total = 0
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        found = re.match(rf"{field}:\s+(\d+) kB", line)
        total += int(found.group(1)) * 1024 if found else 0
    return total


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def idle(results):
    need_kvm()
    seconds = few(3, 10)
    port = free_port()
    with Machine("--on", "native", guest("sleep_forever")) as sleeper, \
            Machine("--on", "native", "--net", f"user,{port}:80", "--blk", f"{SITE},ro",
                    app("httpd"), stdout=subprocess.DEVNULL) as server:
        sleeper.wait_line("asleep", "out")
        wait_http(port, machine=server)
        time.sleep(2)
        before = {}
        machines = (("hello", "a hello that sleeps", sleeper), ("httpd", "an idle httpd", server))
        for name, title, machine in machines:
            pid = machine.process.pid
            before[name] = cpu_seconds(pid)
            results.figure(f"idle.{name}.private", f"private memory of {title}", "MiB",
                           value=smaps(pid, r"Private_\w+") / 2**20)
            results.figure(f"idle.{name}.proportional", f"proportional memory of {title}", "MiB",
                           value=smaps(pid, "Pss") / 2**20)
        time.sleep(seconds)
        for name, title, machine in machines:
            used = cpu_seconds(machine.process.pid) - before[name]
            results.figure(f"idle.{name}.cpu", f"CPU of {title}", "%", value=used / seconds * 100)


def answers(port, machine):
    try:
        return wait_http(port, machine=machine, limit=60)[0] == 200
    except Failure:
        return False


def start_httpd(count):
    """Starts so many, fewer if the host refuses: (port, machine) of each."""
    machines = []
    for _ in range(count):
        port = free_port()
        try:
            machines.append((port, Machine("--on", "native", "--mem", "8M", "--net",
                                           f"user,{port}:80", "--blk", f"{SITE},ro", app("httpd"),
                                           stdout=subprocess.DEVNULL)))
        except (OSError, RuntimeError) as error:
            print(f"  no more than {len(machines)} start: {error}")
            break
    return machines


def many(results):
    need_kvm()
    count = few(50, 1000)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    machines = []
    try:
        begin = time.perf_counter()
        machines = start_httpd(count)
        first = [pair for pair in machines if answers(*pair)]
        seconds = time.perf_counter() - begin
        both = [machine.process.pid for port, machine in first if answers(port, machine)]
        if not both:
            raise Failure(f"none of {count} httpd answered")
        private = sum(smaps(pid, r"Private_\w+") for pid in both) / len(both)
        proportional = sum(smaps(pid, "Pss") for pid in both) / len(both)
    finally:
        for _, machine in machines:
            machine.process.terminate()
        for _, machine in machines:
            machine.wait()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    results.figure("many.answered", f"of {count} idle httpd answered, twice", "VMs",
                   value=len(both), better="more")
    results.figure("many.seconds", f"until {len(first)} had answered", "s", value=seconds)
    results.figure("many.private", "private memory of each", "MiB", value=private / 2**20)
    results.figure("many.per_gib", "idle httpd in a GiB", "VMs",
                   value=int(2**30 / proportional), better="more")
    if QUICK:
        results.goals["vms.idle"].reason = "QUICK=1 starts 50 only"
    else:
        results.reach("vms.idle", len(both))


PARTS = (
    Part("size", "sizes of images", size, 1, 1, ("size.hello",)),
    Part("memory", "least memory that works, by bisection", memory, 2, 2,
         ("memory.hello", "memory.httpd")),
    Part("idle", "memory and CPU time of VMs that sleep", idle, 14, 6),
    Part("many", "idle VMs at once, all answering", many, 20, 1, ("vms.idle",)),
)
