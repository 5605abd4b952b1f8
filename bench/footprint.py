# SPDX-License-Identifier: BSD-2-Clause
"""What an image and a running VM take: bytes of the file and of its parts, private memory of the host, and
how many fit."""
import itertools
import os
import pathlib
import re
import resource
import subprocess
import time

from boot import HELLO_IO
from harness import BUILD, CORACLE, Failure, Machine, app, folder, free_port, guest, wait_http
from host import Part, need_kvm
from measure import QUICK, few, run, shown

SITE = BUILD / "site.tar"


def stripped_bytes(image):
    with folder() as work:
        run(["strip", "-o", work / "image", image])
        return (work / "image").stat().st_size


def parts_of(image):
    """{part: (bytes in the file, bytes of zeros in memory)}, as the linker's map says."""
    lines = run([CORACLE, "inspect", image]).splitlines()
    table = itertools.takewhile(lambda line: line.startswith("  "),
                                itertools.islice(itertools.dropwhile(
                                    lambda line: not line.startswith("parts:"), lines), 1, None))
    found = re.findall(r"^  (\S.*?) +(\d+) +(\d+) +(\d+) +(\d+)$", "\n".join(table), re.M)
    if not found:
        raise Failure(f"`coracle inspect {image}` tells no parts")
    return {part: (int(text) + int(constants) + int(data), int(zeros))
            for part, text, constants, data, zeros in found if part != "all"}


def size(results):
    for name, title, image in (("hello", "hello", app("hello")),
                               ("httpd", "httpd", app("httpd")),
                               ("hello-io", "hello with a socket and a disk", HELLO_IO)):
        kib = results.figure(f"size.{name}", f"{title}, stripped", "KiB",
                             value=stripped_bytes(image) / 1024)
        if name == "hello":
            results.reach("size.hello", kib)
        command = shown([CORACLE, "inspect", image])
        parts = sorted(parts_of(image).items(), key=lambda part: -part[1][0])
        names = []
        for part, (bytes_, zeros) in parts:
            names.append(f"size.{name}.part.{part.replace(' ', '-')}")
            results.figure(names[-1], f"{name}: {part}", "bytes", value=bytes_, command=command,
                           note=f"{zeros} bytes of zeros in memory besides")
        results.group("bars", f"{name} by part", names)


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
    ports = set()
    while len(ports) < count:  # a port may be told free until its VM listens
        ports.add(free_port())
    for port in ports:
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
    Part("idle", "memory and CPU time of VMs that sleep", idle, 14, 6),
    Part("many", "idle VMs at once, all answering", many, 20, 1, ("vms.idle",)),
)
