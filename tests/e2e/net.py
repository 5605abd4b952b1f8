# SPDX-License-Identifier: BSD-2-Clause
"""The network stack against Linux's: the guest echoes (tests/guest/net_echo.c) what this file, run
as a program inside a namespace that has a tap, sends it. `net.py CHECK ADDRESS` is that program."""
import errno
import os
import random
import select
import socket
import struct
import subprocess
import sys
import threading
import time

if __name__ != "__main__":
    from harness import BUILD, Machine, check, equal, free_port, guest, run, tap_namespace

GUEST = "10.77.0.2"
FLOOD = 30000
LARGE = 30_000_000


# ---- in the namespace --------------------------------------------------------------------------

def echo_stream(address, bytes_, connected=None):
    """Sends and receives at once; the answer must be the question. Sets the event `connected`."""
    data = random.randbytes(bytes_)
    got = bytearray()
    with socket.create_connection(address, timeout=60) as peer:
        if connected:
            connected.set()

        def send():
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
        sender = threading.Thread(target=send)
        sender.start()
        while part := peer.recv(1 << 16):
            got += part
        sender.join()
    assert bytes(got) == data, f"{len(got)} of {bytes_} bytes, or other ones, came back"


def check_bulk(host):
    for bytes_ in (1, 1460, 100_000, 10_000_000):
        echo_stream((host, 7), bytes_)


def check_datagrams(host):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(10)
        for bytes_ in (0, 1, 213, 214, 215, 1472, 1473, 3000, 20000, 60000):
            data = random.randbytes(bytes_)
            for _ in range(5):  # datagrams may get lost
                peer.sendto(data, (host, 7))
                try:
                    equal_ = peer.recv(70000) == data
                except TimeoutError:
                    continue
                assert equal_, f"{bytes_} bytes came back changed"
                break
            else:
                raise AssertionError(f"{bytes_} bytes never came back")


def link_local(host):
    """The guest's link-local address, which follows from its hardware address (RFC 4291, appendix A)."""
    echo_stream((host, 7), 1)
    words = subprocess.run(["ip", "neigh", "show", host, "dev", "ctap0"], capture_output=True,
                           text=True, check=True).stdout.split()
    mac = bytes.fromhex(words[words.index("lladdr") + 1].replace(":", ""))
    low = bytes([mac[0] ^ 2, *mac[1:3], 0xff, 0xfe, *mac[3:]])
    text = socket.inet_ntop(socket.AF_INET6, bytes.fromhex("fe80") + bytes(6) + low)
    command = ["ip", "-6", "addr", "show", "dev", "ctap0", "tentative"]
    while subprocess.run(command, capture_output=True, check=True).stdout:
        time.sleep(0.1)  # until this side's own address may be used
    return f"{text}%ctap0"


def check_v6(host):
    echo_stream((link_local(host), 7), 300_000)


def connect_again(peer, address):
    """Waits until this side has forgotten the port's last connection, too: the guest owes an ACK for that."""
    for _ in range(600):
        try:
            return peer.connect(address)
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
        time.sleep(0.1)
    raise AssertionError("the last connection does not end")


def closed_by_guest(host, port=0):
    """A connection from this port that the guest closes first, so that it has the TIME-WAIT."""
    family, _, _, _, address = socket.getaddrinfo(host, 7, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        peer.settimeout(60)
        peer.bind(("", port))
        connect_again(peer, address)
        peer.sendall(b"!")
        assert (peer.recv(2), peer.recv(1)) == (b"!", b"")


def check_again(host):
    """Ports are used again at once, among more connections in TIME-WAIT than the guest keeps."""
    for port in range(5000, 8000):
        closed_by_guest(host, port)
    for address in (host, link_local(host)):
        for port in (*range(5000, 8000, 100), *[7999] * 20):
            closed_by_guest(address, port)


def check_outage(host):
    """The link goes away and comes back in the middle of a transfer: what got lost is sent again."""
    connected = threading.Event()
    transfer = threading.Thread(target=bulk_or_exit, args=((host, 7), 40_000_000, connected))
    transfer.start()
    connected.wait()
    for _ in range(3):
        time.sleep(0.1)
        for state in ("down", "up"):
            subprocess.run(["ip", "link", "set", "ctap0", state], check=True)
            time.sleep(0.05)
    transfer.join()


def bulk_or_exit(*arguments):
    try:
        echo_stream(*arguments)
    except BaseException as error:
        print(error, file=sys.stderr)
        os._exit(1)


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def syn(source, target):
    header = struct.pack(">HHIIBBHHH", random.randrange(1024, 65536), 7, random.getrandbits(32), 0,
                         5 << 4, 2, 65535, 0, 0)
    addresses = socket.inet_aton(source) + socket.inet_aton(target)
    total = checksum(addresses + struct.pack(">BBH", 0, 6, len(header)) + header)
    return (struct.pack(">BBHHHBBH", 0x45, 0, 40, 0, 0, 64, 6, 0) + addresses + header[:16] +
            struct.pack(">H", total) + header[18:])


def check_flood(host):
    """SYNs of nobody, more than any queue holds: honest peers still get through."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for i in range(FLOOD):
            try:
                raw.sendto(syn(f"10.77.0.{3 + i % 250}", host), (host, 0))
            except OSError:
                select.select([], [raw], [], 0.01)
    for _ in range(20):
        echo_stream((host, 7), 1000)


def check_connections(host):
    """A thousand at once, each answered."""
    peers = []
    for _ in range(1000):
        peer = socket.socket()
        peer.setblocking(False)
        peer.connect_ex((host, 7))
        peers.append(peer)
    for i, peer in enumerate(peers):
        peer.settimeout(60)
        select.select([], [peer], [], 60)
        peer.sendall(b"%06d" % i)
    for i, peer in enumerate(peers):
        assert peer.recv(6, socket.MSG_WAITALL) == b"%06d" % i
        peer.close()


def tap_counters():
    """Frames and bytes from the guest, frames and bytes to it, as the tap counts them."""
    with open("/proc/net/dev", encoding="ascii") as table:
        numbers = next(line for line in table if "ctap0:" in line).split(":")[1].split()
    return [int(numbers[at]) for at in (1, 0, 9, 8)]


def bulk(host, what, bytes_):
    """Has the guest (tests/guest/net_bulk.c) take or give so many bytes of its pattern."""
    period = bytes(i * 2654435761 >> 13 & 0xff for i in range(65521))
    pattern = (period * (bytes_ // len(period) + 1))[:bytes_]
    with socket.create_connection((host, 9), timeout=120) as peer:
        peer.sendall(what + struct.pack("<Q", bytes_))
        if what == b"S":
            peer.sendall(pattern)
            pattern = struct.pack("<Q", bytes_)
        got = bytearray()
        while part := peer.recv(1 << 18):
            got += part
    assert got == pattern, f"{len(got)} bytes came, or other ones"


def check_large(host):
    """Megabytes both ways, and the data went as segments of several thousand bytes each."""
    for what, first in ((b"S", 2), (b"R", 0)):
        before = tap_counters()
        bulk(host, what, LARGE)
        frames, bytes_ = (b - a for a, b in zip(before[first:], tap_counters()[first:first + 2]))
        assert bytes_ >= LARGE
        assert bytes_ / frames > 5000, f"{what}: {bytes_} bytes in {frames} frames"


# ---- tests -------------------------------------------------------------------------------------

def tap_check(name, memory="16M", hypervisor="native", image="net_echo"):
    """Boots the guest on a tap and has this file talk to it."""
    with tap_namespace() as inside:
        command = inside(BUILD / "coracle", "run", "--on", hypervisor, "--mem", memory, "--net",
                         f"tap:ctap0,ip={GUEST}/24,gw=10.77.0.1", guest(image))
        machine = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            equal(machine.stdout.readline(), b"listening\n", "the guest's first line")
            result = run(inside(sys.executable, __file__, name, GUEST), limit=300)
            equal(result.status, 0, f"status ({result.err})")
            check(machine.poll() is None, "the guest ended")
        finally:
            machine.kill()
            machine.communicate()


def test_user_bulk():
    port = free_port()
    with Machine("--net", f"user,{port}:7", guest("net_echo")) as machine:
        machine.wait_line("listening", "out")
        echo_stream(("127.0.0.1", port), 3_000_000)


def test_tap_bulk():
    tap_check("bulk")


def test_tap_bulk_small_memory():
    tap_check("bulk", "2M")


def test_tap_datagrams():
    tap_check("datagrams")


def test_tap_v6():
    tap_check("v6")


def test_tap_bulk_on_qemu():
    """Over virtio-mmio and over PCI."""
    tap_check("bulk", hypervisor="microvm")
    tap_check("bulk", hypervisor="q35")


def test_tap_datagrams_on_qemu():
    tap_check("datagrams", hypervisor="microvm")
    tap_check("datagrams", hypervisor="q35")


def test_tap_large():
    tap_check("large", image="net_bulk")


def test_tap_large_small_memory():
    tap_check("large", "2M", image="net_bulk")


def test_tap_large_on_qemu():
    tap_check("large", hypervisor="microvm", image="net_bulk")
    tap_check("large", hypervisor="q35", image="net_bulk")


def test_tap_connections():
    tap_check("connections")


def test_tap_connections_on_qemu():
    tap_check("connections", hypervisor="q35")


def test_tap_ports_again():
    tap_check("again")


def test_tap_outage():
    tap_check("outage")


def test_tap_outage_on_qemu():
    tap_check("outage", hypervisor="q35")


def test_tap_flood():
    tap_check("flood", "8M")


if __name__ == "__main__":
    globals()[f"check_{sys.argv[1]}"](sys.argv[2])
