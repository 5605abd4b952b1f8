# SPDX-License-Identifier: BSD-2-Clause
"""The web appliance, end to end: a tar file on a block device served to HTTP clients, over a
forwarded port and over a tap, and what happens to it under load and malformed traffic."""
import contextlib
import os
import pickle
import random
import socket
import struct
import subprocess
import sys

from harness import (BUILD, ROOT, Machine, app, check, contains, equal, folder, free_port, make_tar,
                     run, tap_namespace, wait_http)

CHECKS = str(ROOT / "tests" / "e2e" / "httpd_checks.py")


def prepare(work):
    site = work / "site"
    site.mkdir()
    subprocess.run([sys.executable, CHECKS, "--prepare", str(site)], check=True,
                   stdout=subprocess.DEVNULL)
    make_tar(site, work / "site.tar", "--owner=0", "--group=0")
    return site, work / "site.tar"


def counted(result):
    """How many checks passed; a failure when one did not."""
    failed = [line for line in result.out.splitlines() if line.startswith("FAIL")]
    check(result.status == 0 and not failed, "\n".join(failed) + result.err[-2000:])
    return sum(line.startswith("ok ") for line in result.out.splitlines())


CURL = ("curl", "--silent", "--retry", "50", "--retry-connrefused", "--retry-delay", "1", "--output",
        "/dev/null", "--fail", "http://10.77.0.2/")


@contextlib.contextmanager
def appliance(inside, disk, *options):
    """httpd on the namespace's tap as 10.77.0.2, awaited until it answers, alive at the end. The
    monitor runs inside the namespace too: a tap belongs to one."""
    machine = subprocess.Popen(
        inside(BUILD / "coracle", "run", *options, "--net",
               "tap:ctap0,ip=10.77.0.2/24,gw=10.77.0.1", "--blk", f"{disk},ro", app("httpd")),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        equal(run(inside(*CURL)).status, 0, "curl")
        yield
        check(machine.poll() is None, "the appliance ended")
    finally:
        machine.terminate()
        machine.communicate(timeout=60)


def forwarded_port(hypervisor):
    many = ["-n", "1000" if hypervisor == "native" else "200"]
    with folder() as work:
        site, disk = prepare(work)
        port = free_port()
        with Machine("--on", hypervisor, "--mem", "64M", "--net", f"user,{port}:80", "--blk",
                     f"{disk},ro", app("httpd"), stdout=subprocess.DEVNULL) as machine:
            wait_http(port, machine=machine)
            count = counted(run([sys.executable, CHECKS, "127.0.0.1", str(port), str(site), "-k",
                                 *many],
                                limit=600))
            check(machine.running(), f"the appliance ended: {machine.lines}")
            equal(machine.end(), 143, "status")
    return count


def test_forwarded_port():
    return forwarded_port("native")


def test_forwarded_port_microvm():
    return forwarded_port("microvm")


def test_forwarded_port_q35():
    return forwarded_port("q35")


def test_forwarded_port_pc():
    return forwarded_port("pc")


def tap(hypervisor):
    with folder() as work, tap_namespace() as inside:
        site, disk = prepare(work)
        with appliance(inside, disk, "--on", hypervisor, "--mem", "64M"):
            count = counted(run(inside(sys.executable, CHECKS, "10.77.0.2", "80", site, "-k"),
                                limit=600))
            equal(run(inside("ping", "-c", "3", "-W", "5", "10.77.0.2")).status, 0, "ping")
    return count


def test_tap():
    return tap("native")


def test_tap_microvm():
    return tap("microvm")


def test_tap_q35():
    return tap("q35")


def frames(generator, mac):
    """Malformed Ethernet frames of many kinds, most of them near to something valid."""
    header = mac + b"\x02\0\0\0\0\x99"

    def ip4(protocol, payload, **change):
        field = dict(version=0x45, total=20 + len(payload), fragment=0, ttl=64, checksum=None)
        field.update(change)
        packet = struct.pack("!BBHHHBBH4s4s", field["version"], 0, field["total"] & 0xffff, 7,
                             field["fragment"], field["ttl"], protocol, 0,
                             socket.inet_aton("10.77.0.1"), socket.inet_aton("10.77.0.2"))
        total = sum(struct.unpack("!10H", packet))
        while total >> 16:
            total = (total & 0xffff) + (total >> 16)
        packet = packet[:10] + struct.pack("!H", ~total & 0xffff) + packet[12:]
        return header + b"\x08\0" + packet + payload

    for size in range(0, 64):
        yield header[:min(size, 12)] + generator.randbytes(max(0, size - 12))
    for protocol in (1, 2, 6, 17, 41, 58, 255):
        for size in (0, 1, 7, 8, 19, 20, 40, 1400):
            yield ip4(protocol, generator.randbytes(size))
    for change in (dict(version=0x40), dict(version=0x4f), dict(version=0x65), dict(total=0),
                   dict(total=19), dict(total=65535), dict(fragment=0x1fff), dict(fragment=0x2000),
                   dict(fragment=0x3fff), dict(ttl=0)):
        for protocol in (1, 6, 17):
            yield ip4(protocol, generator.randbytes(100), **change)
    for offset in (0, 4, 15):  # TCP with impossible header lengths and options
        for flags in range(0, 256, 5):
            tcp = struct.pack("!HHIIBBHHH", 4000, 80, 1, 1, offset << 4, flags, 100, 0, 0)
            yield ip4(6, tcp + generator.randbytes(40))
    for size in (0, 8, 27, 28, 60):  # ARP
        yield header + b"\x08\x06" + generator.randbytes(size)
    for next_header in (0, 6, 17, 43, 44, 58, 60):  # IPv6 and its extension headers
        for size in (0, 1, 8, 40, 200):
            yield (header + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, size, next_header, 255)
                   + generator.randbytes(32) + generator.randbytes(size))
    for _ in range(2000):
        yield header + generator.choice([b"\x08\0\x45", b"\x08\x06", b"\x86\xdd\x60"]) + \
            generator.randbytes(generator.randrange(0, 1500))


SENDER = """
import socket, sys, pickle
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind(("ctap0", 0))
for frame in pickle.load(sys.stdin.buffer):
    try:
        link.send(frame)
    except OSError:
        pass  # the host itself refuses what is too short
"""


def test_malformed_packets():
    """A few thousand malformed frames, some of them fragments; the appliance answers afterwards."""
    with folder() as work, tap_namespace() as inside:
        _, disk = prepare(work)
        with appliance(inside, disk, "--mem", "16M"):
            neighbour = run(inside("ip", "neigh", "show", "10.77.0.2")).out
            contains(neighbour, "lladdr", "the guest's address")
            mac = bytes.fromhex(neighbour.split("lladdr ")[1].split()[0].replace(":", ""))
            for seed in range(3):
                data = pickle.dumps(list(frames(random.Random(seed), mac)))
                sent = subprocess.run(inside(sys.executable, "-c", SENDER), input=data, timeout=300)
                equal(sent.returncode, 0, "the sender")
                equal(run(inside(*CURL)).status, 0, "curl after malformed frames")


def test_twenty_at_once():
    """Twenty appliances share the machine, and all answer."""
    machines = []
    try:
        for _ in range(20):
            port = free_port()
            machines.append((port, Machine("--mem", "8M", "--net", f"user,{port}:80", "--blk",
                                           f"{BUILD / 'site.tar'},ro", app("httpd"),
                                           stdout=subprocess.DEVNULL)))
        for port, machine in machines:
            equal(wait_http(port, machine=machine)[0], 200, "status")
        for port, machine in machines:
            equal(wait_http(port, machine=machine)[0], 200, "status, again")
    finally:
        for _, machine in machines:
            machine.end()


def test_site_missing():
    """An appliance without a disk says so and ends."""
    port = free_port()
    with Machine("--net", f"user,{port}:80", app("httpd")) as machine:
        equal(machine.wait(), 1, f"status ({machine.lines})")
        check(machine.lines["err"], "nothing was said")


def test_small_memory():
    """httpd serves its sample site with 4 MiB."""
    port = free_port()
    with Machine("--mem", "4M", "--net", f"user,{port}:80", "--blk", f"{BUILD / 'site.tar'},ro",
                 app("httpd"), stdout=subprocess.DEVNULL) as machine:
        status, body = wait_http(port, machine=machine)
        equal(status, 200, "status")
        check(b"<html" in body.lower(), "the index page")
        for name in sorted(os.listdir(ROOT / "apps" / "httpd" / "site")):
            path = ROOT / "apps" / "httpd" / "site" / name
            if path.is_file():
                equal(wait_http(port, path="/" + name)[1], path.read_bytes(), name)


def test_thousand_idle_connections():
    """A thousand idle connections in 16 MiB; each of them still answers."""
    import resource
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4096:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    port = free_port()
    connections = []
    with Machine("--mem", "16M", "--net", f"user,{port}:80", "--blk", f"{BUILD / 'site.tar'},ro",
                 app("httpd"), stdout=subprocess.DEVNULL) as machine:
        wait_http(port, machine=machine)
        try:
            for _ in range(1000):
                connections.append(socket.create_connection(("127.0.0.1", port), timeout=120))
            request = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
            for _ in range(2):
                for connection in connections:
                    connection.sendall(request)
                for connection in connections:
                    answer = connection.recv(4096)
                    check(answer.startswith(b"HTTP/1.1 200"), f"answer {answer[:100]!r}")
        finally:
            for connection in connections:
                connection.close()
        equal(wait_http(port, machine=machine)[0], 200, "status afterwards")


def test_port_used_again():
    """A client may use its port again at once, though the server remembers the old connection."""
    with folder() as work, tap_namespace() as inside:
        _, disk = prepare(work)
        client = """
import errno, os, socket, time
for _ in range(5):
    with socket.socket() as link:
        link.settimeout(60)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        link.bind(("10.77.0.1", 45678))
        for _ in range(100):  # until our own side has forgotten the connection before
            if (error := link.connect_ex(("10.77.0.2", 80))) != errno.EADDRNOTAVAIL:
                break
            time.sleep(0.1)
        assert error == 0, os.strerror(error)
        link.sendall(b"GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n")
        answer = b""
        while part := link.recv(65536):
            answer += part
        assert answer.startswith(b"HTTP/1.1 "), answer[:100]
"""
        with appliance(inside, disk):
            result = run(inside(sys.executable, "-c", client))
            equal(result.status, 0, f"the client ({result.err})")
