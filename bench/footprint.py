# SPDX-License-Identifier: BSD-2-Clause
"""What an image and a running VM take: bytes of the file and of its parts, private memory of the host, and
how many fit."""
import contextlib
import itertools
import os
import pathlib
import re
import resource
import subprocess
import time

from harness import BUILD, CORACLE, Failure, Machine, app, folder, free_port, guest, wait_http
from host import Part, need_kvm
from measure import QUICK, few, ran, run, shown

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
                               ("hello-io", "hello with a socket and a disk", guest("hello_io"))):
        if not results.wanted(f"size.{name}"):
            continue
        kib = results.figure(f"size.{name}", f"{title}, stripped", "KiB",
                             value=stripped_bytes(image) / 1024, command=ran())
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


@contextlib.contextmanager
def sleepers():
    """One VM of each kind that has come to rest: {name: machine}."""
    port = free_port()
    with Machine("--on", "native", guest("sleep_forever")) as sleeper, \
            Machine("--on", "native", "--net", f"user,{port}:80", "--blk", f"{SITE},ro",
                    app("httpd"), stdout=subprocess.DEVNULL) as server:
        sleeper.wait_line("asleep", "out")
        wait_http(port, machine=server)
        time.sleep(2)
        yield {"hello": sleeper, "httpd": server}


def idle(results):
    """Memory of new VMs each time, CPU time of the first ones."""
    need_kvm()
    seconds, private, proportional = few(3, 10), {}, {}
    for turn in range(few(2, 5)):
        with sleepers() as machines:
            commands = {name: shown(machine.process.args) for name, machine in machines.items()}
            pids = {name: machine.process.pid for name, machine in machines.items()}
            for name, pid in pids.items():
                private.setdefault(name, []).append(smaps(pid, r"Private_\w+") / 2**20)
                proportional.setdefault(name, []).append(smaps(pid, "Pss") / 2**20)
            if turn == 0:
                before = {name: cpu_seconds(pid) for name, pid in pids.items()}
                time.sleep(seconds)
                used = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
    for name, title in (("hello", "a hello that sleeps"), ("httpd", "an idle httpd")):
        command = commands[name]
        results.figure(f"idle.{name}.private", f"private memory of {title}", "MiB", samples=private[name],
                       command=command)
        results.figure(f"idle.{name}.proportional", f"proportional memory of {title}", "MiB",
                       samples=proportional[name], command=command)
        results.figure(f"idle.{name}.cpu", f"CPU of {title}", "%", value=used[name] / seconds * 100,
                       command=command)


def answers(port, machine):
    """Does this VM answer, and not somebody else at a port that it has left?"""
    try:
        return wait_http(port, machine=machine, limit=60)[0] == 200 and machine.running()
    except Failure:
        return False


def memory_of(machine):
    """Bytes of memory, (private, proportional), of a VM; None if it has ended."""
    try:
        return smaps(machine.process.pid, r"Private_\w+"), smaps(machine.process.pid, "Pss")
    except OSError:
        return None


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


def note_many(results, count, machines, begin):
    """Of the (port, machine) pairs: who answers twice, and what those take. `begin` is when the first one
    was started; what is known is noted before more is asked."""
    command = shown(machines[0][1].process.args) if machines else ""
    first = [pair for pair in machines if answers(*pair)]
    seconds = time.perf_counter() - begin
    both = [machine for port, machine in first if answers(port, machine)]
    results.figure("many.answered", f"of {count} idle httpd answered, twice", "VMs",
                   value=len(both), better="more", command=command)
    if QUICK:
        results.goals["vms.idle"].reason = "QUICK=1 starts 50 only"
    else:
        results.reach("vms.idle", len(both))
    results.figure("many.seconds", f"until {len(first)} had answered", "s", value=seconds, command=command)
    memory = [found for machine in both if (found := memory_of(machine))]
    if not memory:
        raise Failure(f"none of {count} httpd is up")
    results.figure("many.private", "private memory of each", "MiB", command=command,
                   samples=[private / 2**20 for private, _ in memory])
    proportional = sum(of_it for _, of_it in memory) / len(memory)
    results.figure("many.per_gib", "idle httpd in a GiB", "VMs",
                   value=int(2**30 / proportional), better="more", command=command)


def many(results):
    need_kvm()
    count = few(50, 1000)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    machines = []
    try:
        begin = time.perf_counter()
        machines = start_httpd(count)
        note_many(results, count, machines, begin)
    finally:
        for _, machine in machines:
            machine.process.terminate()
        for _, machine in machines:
            machine.wait()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


PARTS = (
    Part("size", "sizes of images", size, 1, 1, ("size.hello",)),
    Part("idle", "memory and CPU time of VMs that sleep", idle, 25, 8),
    Part("many", "idle VMs at once, all answering", many, 20, 1, ("vms.idle",)),
)
