# SPDX-License-Identifier: BSD-2-Clause
"""Machines that turn bad while a program runs: a test holds QEMU's test port and does to the registers
what no guest would."""
import contextlib
import http.client
import io
import random
import socket
import subprocess
import tarfile
import threading
import time

from harness import PATIENCE, Failure, app, check, equal, folder, free_port, wait_http


def make_site(path):
    """A page, and files that no cache holds."""
    with tarfile.open(path, "w") as tar:
        for name, size in (("index.html", 100), ("a", 1 << 20), ("b", 1 << 20)):
            entry = tarfile.TarInfo(name)
            entry.size = size
            tar.addfile(entry, io.BytesIO(random.Random(size).randbytes(size)))


class Hostile:
    """httpd on QEMU, with what it said and the test port."""

    def __init__(self, work, port, process):
        self.port, self.process, self.said = port, process, []
        self.news = threading.Condition()
        threading.Thread(target=self._collect, daemon=True).start()
        self.test = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.test.connect(str(work / "test"))
                break
            except OSError:
                check(time.monotonic() < end, "QEMU's test port does not answer")
                time.sleep(0.01)
        self.answers = self.test.makefile("r")

    def _collect(self):
        for line in self.process.stdout:
            with self.news:
                self.said.append(line.decode(errors="replace").rstrip("\n"))
                self.news.notify_all()

    def do(self, command):
        self.test.sendall(command.encode() + b"\n")
        for answer in self.answers:
            if answer.startswith("OK"):
                return answer.split()[1:]
        raise Failure(f"{command}: no answer")

    def config(self, device, offset, value=None):
        """Reads or writes four bytes of a device's configuration on bus 0."""
        self.do(f"outl 0xcf8 0x{0x80000000 | device << 11 | offset:x}")
        if value is None:
            return int(self.do("inl 0xcfc")[0], 16)
        return self.do(f"outl 0xcfc 0x{value:x}")

    def wait_line(self, part):
        end = time.monotonic() + PATIENCE
        with self.news:
            while not any(part in line for line in self.said):
                check(self.news.wait(end - time.monotonic()), f"{part!r} was not said but {self.said}")

    def get(self, path="/"):
        return wait_http(self.port, path=path)

    def gets(self, path):
        """Is the whole file there?"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status == 200 and len(answer.read()) > 0
        except http.client.HTTPException:
            return False
        finally:
            connection.close()


@contextlib.contextmanager
def hostile(machine, *options):
    port = free_port()
    with folder() as work:
        make_site(work / "site.tar")
        process = subprocess.Popen(
            ["qemu-system-x86_64", "-accel", "tcg", "-M", machine, "-cpu", "max", "-nodefaults", "-no-user-config",
             "-no-reboot", "-display", "none", "-m", "64M", "-chardev", "stdio,id=c", "-device",
             "isa-debugcon,iobase=0xe9,chardev=c", "-kernel", app("httpd"), "-netdev",
             f"user,id=n,hostfwd=tcp:127.0.0.1:{port}-:80", "-drive",
             f"file={work}/site.tar,format=raw,if=none,id=d,readonly=on", "-qtest", f"unix:{work}/test,server=on,wait=off",
             "-qtest-log", "/dev/null", *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            yield Hostile(work, port, process)
        finally:
            process.kill()
            process.wait()


EDU_RAISE = 0x60


def test_line_storm():
    """A device without a driver holds the line that the network's interrupt comes by, for ever."""
    for machine in ("q35", "pc"):
        with hostile(machine, "-device", "virtio-blk-pci,drive=d,addr=2", "-device",
                     "virtio-net-pci,netdev=n,addr=3,vectors=0", "-device", "edu,addr=7") as vm:
            equal(vm.get()[0], 200, f"answer on {machine}")
            vm.do(f"writel 0x{(vm.config(7, 0x10) & ~15) + EDU_RAISE:x} 1")
            vm.wait_line("interrupt storm: line")
            for _ in range(3):
                equal(vm.get()[0], 200, f"answer on {machine} after the storm")
            equal(len([line for line in vm.said if "storm" in line]), 1, f"lines in {vm.said}")


PCI_COMMAND = 4
NO_DEVICE = 0x400  # no memory, no ports, no bus mastering: as if it were pulled out


def test_disk_vanishes():
    """What needs it fails, after one line; the network and the rest go on."""
    for machine, form in (("q35", "disable-legacy=on"), ("pc", "disable-modern=on")):
        with hostile(machine, "-device", f"virtio-blk-pci,drive=d,addr=2,{form}", "-device",
                     "virtio-net-pci,netdev=n,addr=3") as vm:
            equal(vm.get()[0], 200, f"answer on {machine}")
            vm.config(2, PCI_COMMAND, NO_DEVICE)
            check(not vm.gets("/a"), "a file of a disk that is gone")
            vm.wait_line("blk0 out of service: the device is gone")
            for _ in range(3):
                check(not vm.gets("/b"), "a file of a disk that is gone")
                equal(vm.get("/metrics")[0], 200, f"metrics on {machine}")
            equal(len([line for line in vm.said if "out of service" in line]), 1, f"lines in {vm.said}")


def test_net_vanishes():
    """A server that wants to say goodbye to its client finds the network gone; one line, and it lives."""
    for machine, form in (("q35", "disable-legacy=on"), ("pc", "disable-modern=on")):
        with hostile(machine, "-device", "virtio-blk-pci,drive=d,addr=2", "-device",
                     f"virtio-net-pci,netdev=n,addr=3,{form}", "-append", "-- -t 2") as vm:
            equal(vm.get()[0], 200, f"answer on {machine}")
            client = http.client.HTTPConnection("127.0.0.1", vm.port, timeout=PATIENCE)
            client.request("GET", "/")
            equal(client.getresponse().status, 200, f"answer on {machine}")
            vm.config(3, PCI_COMMAND, NO_DEVICE)
            vm.wait_line("net0 out of service: the device is gone")
            time.sleep(1)
            check(vm.process.poll() is None, f"the VM ended: {vm.said}")
            equal(len([line for line in vm.said if "out of service" in line]), 1, f"lines in {vm.said}")
            client.close()
