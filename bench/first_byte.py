# SPDX-License-Identifier: BSD-2-Clause
"""How long a web server takes from exec to the first byte of its first answer: httpd on each
hypervisor, as `coracle bench boot` measures it, nginx on the host and nginx in a Linux guest."""
import json
import os
import select
import socket
import time

import boot
import linux
from harness import CORACLE, app, folder, free_port
from host import Part, need_kvm, need_one, need_qemu, why_not
from measure import CommandFailed, few, over, run, shown
from network import process

LINUX_JOB = """ip addr add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
exec nginx -c /nginx.conf
"""
PATIENCE = 120  # seconds until the first byte
ASKERS_MAX = 200
TITLES = {"native": "httpd on native", "microvm": "httpd on microvm", "q35": "httpd on q35",
          "nginx": "nginx on the host", "linux-q35": "nginx in a Linux guest on q35"}


def of_httpd(results, machine, site):
    port = free_port()
    command = [CORACLE, "bench", "boot", "--json", "--on", machine, "--runs",
               str(few(20, 200) if machine == "native" else few(3, 40)), "--net", f"user,{port}:80",
               "--blk", f"{site}.tar,ro", "--http", f"{port}/small", app("httpd")]
    answer = json.loads(run(command))["phases"][-1]
    note(results, machine, [since / 1e6 for since in answer["samples_since_exec_ns"]], command)


def named(name):
    """A figure's name, title and unit."""
    return f"first_byte.{name}", f"{TITLES[name]}: exec to the first byte", "ms"


def note(results, name, samples, command):
    results.figure(*named(name), samples=samples, command=shown(command))


# ---- nginx -------------------------------------------------------------------------------------

def ask(port):
    asker = socket.socket()
    asker.setblocking(False)
    asker.connect_ex(("127.0.0.1", port))
    return asker


def take_turn(askers, asked, step):
    """Sends requests where a connection has come about; true when a byte of an answer is here."""
    waiting = [asker for asker in askers if asker not in asked]
    readable, writable, _ = select.select(list(asked), waiting, [], step)
    for asker in readable + writable:
        try:
            if asker in asked:
                if asker.recv(1):
                    return True
                raise ConnectionError
            asker.sendall(b"GET /small HTTP/1.0\r\n\r\n")
            asked.add(asker)
        except OSError:
            askers.remove(asker)
            asked.discard(asker)
            asker.close()
    return False


def seconds_to_answer(words, port, step):
    """exec to the first byte of an answer; a new request every `step` seconds."""
    askers, asked = [], set()
    begin = time.perf_counter()
    with process(list(map(str, words))) as server:
        try:
            while not take_turn(askers, asked, step):
                server.check()
                if time.perf_counter() - begin > PATIENCE:
                    raise CommandFailed(words, 1, "no answer")
                if len(askers) < ASKERS_MAX:
                    askers.append(ask(port))
            return time.perf_counter() - begin
        finally:
            for asker in askers:
                asker.close()


def of_nginx(results, work, site):
    """nginx on the host, for the same request."""
    port = free_port()
    os.chmod(work, 0o755)
    words = linux.nginx_on_host(work, site, port)
    note(results, "nginx", [seconds_to_answer(words, port, 0.001) * 1e3 for _ in range(few(5, 20))], words)


def of_linux(results, work, site):
    """nginx in a Linux guest, in the q35 that httpd has."""
    port = free_port()
    linux.initramfs(work / "initramfs", LINUX_JOB, site)
    words = linux.qemu_words(
        boot.qemu_command(work, [CORACLE, "run", "--on", "q35", "--net", f"user,{port}:80",
                                 app("hello")]), work / "initramfs")
    note(results, "linux-q35", [seconds_to_answer(words, port, 0.05) * 1e3 for _ in range(few(1, 3))], words)


def first_byte(results):
    no_qemu, no_linux = why_not(need_qemu), why_not(linux.files)
    reasons = {"native": why_not(need_kvm), "microvm": no_qemu, "q35": no_qemu, "nginx": no_linux,
               "linux-q35": no_qemu or no_linux}
    need_one(reasons.values())
    with folder() as work:
        site = linux.make_site(work / "site")
        for name, reason in reasons.items():
            if reason:
                results.not_measured(*named(name), reason)
            elif name == "nginx":
                of_nginx(results, work, site)
            elif name == "linux-q35":
                of_linux(results, work, site)
            else:
                of_httpd(results, name, site)
    results.group("bars", "exec to the first byte of an answer, native",
                  ["first_byte.native", "first_byte.nginx"],
                  over={"first_byte.native": "first_byte.nginx"})
    results.group("bars", "exec to the first byte of an answer, under QEMU",
                  [f"first_byte.{name}" for name in ("microvm", "q35", "linux-q35")],
                  over=over(("microvm", "q35", "linux-q35"), "first_byte.{}".format))


PARTS = (Part("first-byte", "a web server, from exec to its first byte", first_byte, 60, 12),)
