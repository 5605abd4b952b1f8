# SPDX-License-Identifier: BSD-2-Clause
"""Machines that turn bad while a program runs: a test holds QEMU's test port and does to the registers
what no guest would."""
import contextlib
import socket
import subprocess
import threading
import time

from harness import BUILD, PATIENCE, Failure, app, check, equal, folder, free_port, wait_http

SITE = BUILD / "site.tar"


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

    def get(self):
        return wait_http(self.port)


@contextlib.contextmanager
def hostile(machine, *options):
    port = free_port()
    with folder() as work:
        process = subprocess.Popen(
            ["qemu-system-x86_64", "-accel", "tcg", "-M", machine, "-cpu", "max", "-nodefaults", "-no-user-config",
             "-no-reboot", "-display", "none", "-m", "64M", "-chardev", "stdio,id=c", "-device",
             "isa-debugcon,iobase=0xe9,chardev=c", "-kernel", app("httpd"), "-netdev",
             f"user,id=n,hostfwd=tcp:127.0.0.1:{port}-:80", "-drive",
             f"file={SITE},format=raw,if=none,id=d,readonly=on", "-qtest", f"unix:{work}/test,server=on,wait=off",
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
