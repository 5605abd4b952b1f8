# SPDX-License-Identifier: BSD-2-Clause
"""The network link goes away and comes back: QEMU's monitor says so, the guest notices."""
import contextlib
import os
import socket
import time

from harness import PATIENCE, Machine, check, equal, folder, free_port, guest

# QEMU with a monitor, a record of the guest's frames, and no address on the guest's command line.
WRAPPER = """#!/bin/bash
words=()
for word; do
    [ "$last" = -append ] && word=$(sed 's/net0=[^ ]*//' <<<"$word")
    words+=("$word")
    last=$word
done
exec qemu-system-x86_64 "${{words[@]}}" -monitor unix:{work}/monitor,server,nowait \\
    -object filter-dump,id=dump0,netdev=net0,file={work}/frames
"""


class Monitor:
    """QEMU's human monitor."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(str(path))
        self._prompt()

    def _prompt(self):
        text = b""
        while not text.endswith(b"(qemu) "):
            part = self.socket.recv(4096)
            check(part, "QEMU's monitor went away")
            text += part
        return text

    def say(self, line):
        self.socket.sendall(line.encode() + b"\n")
        return self._prompt().decode(errors="replace")


def echo(port):
    """One line, there and back; again while QEMU's side of the network drops connections."""
    end = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as peer:
            peer.sendall(b"hello")
            if peer.recv(5, socket.MSG_WAITALL) == b"hello":
                return
        check(time.monotonic() < end, "no echo")


def dhcp_requests(path):
    """How many frames to UDP port 67 there are: of each QEMU notes 16 bytes and the frame."""
    data, at, count = path.read_bytes(), 24, 0
    while at + 16 <= len(data):
        length = int.from_bytes(data[at + 8:at + 12], "little")
        frame = data[at + 16:at + 16 + length]
        count += frame[12:14] == b"\x08\0" and frame[23] == 17 and frame[36:38] == b"\0\x43"
        at += 16 + length
    return count


def wait_until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        check(time.monotonic() < end, what)
        time.sleep(0.05)


def link_check(machine_name):
    port = free_port()
    with folder() as work:
        program = work / "qemu"
        program.write_text(WRAPPER.format(work=work))
        program.chmod(0o755)
        environment = dict(os.environ, CORACLE_QEMU=str(program))
        with Machine("--on", machine_name, "--net", f"user,{port}:7", guest("net_echo"),
                     env=environment) as machine:
            machine.wait_line("net0: 10.0.2.15/24")
            echo(port)
            monitor = Monitor(work / "monitor")
            for _ in range(2):
                asked = dhcp_requests(work / "frames")
                lines = len(machine.lines["err"])
                check("not found" not in monitor.say("set_link net0 off"), "QEMU's set_link")
                wait_until(lambda: len(machine.lines["err"]) > lines, "the link down is not told")
                monitor.say("set_link net0 on")
                wait_until(lambda: len(machine.lines["err"]) > lines + 1, "the link up is not told")
                equal(machine.lines["err"][lines:], ["net0: link down", "net0: link up"], "the log")
                echo(port)
                wait_until(lambda: dhcp_requests(work / "frames") > asked, "DHCP was not asked again")
            check(machine.running(), "the guest ended")


def test_link_on_microvm():
    link_check("microvm")


def test_link_on_q35():
    link_check("q35")


def test_link_on_pc():
    link_check("pc")
