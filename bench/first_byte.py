# SPDX-License-Identifier: BSD-2-Clause
"""How long a web server takes from exec to the first byte of its first answer: httpd on native beside
nginx on the host, httpd on microvm and q35 beside nginx in a Linux guest, by turns, and all asked by
the same client. What Xen's domains take is in under_xen.py."""
import functools
import os
import select
import socket
import time

import boot
import linux
from harness import CORACLE, app, folder, free_port
from host import Part, need_kvm, need_one, need_qemu, why_not
from measure import CommandFailed, few, over, shown
from network import process

LINUX_JOB = """ip addr add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
exec nginx -c /nginx.conf
"""
PATIENCE = 120  # seconds until the first byte
# The client asks again so long after it was refused; and beside a question that is not answered,
# which a server may never have seen, after this part of the time since exec, or so long at least.
AGAIN, ANOTHER, ANOTHER_PART = 0.0002, 0.02, 0.05
LINUX_EVERY = 8  # so many turns, as it takes a hundred times as long
TITLES = {"native": "httpd on native", "microvm": "httpd on microvm", "q35": "httpd on q35",
          "nginx": "nginx on the host", "linux-q35": "nginx in a Linux guest on q35"}


def named(name):
    """A figure's name, title and unit."""
    return f"first_byte.{name}", f"{TITLES[name]}: exec to the first byte", "ms"


# ---- the client --------------------------------------------------------------------------------

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


def seconds_to_answer(words, port):
    """exec to the first byte of an answer."""
    askers, asked, another = [], set(), 0
    begin = time.perf_counter()
    with process(list(map(str, words))) as server:
        try:
            while not take_turn(askers, asked, max(another - (time.perf_counter() - begin), 0)
                                if askers else AGAIN):
                server.check()
                since = time.perf_counter() - begin
                if since > PATIENCE:
                    raise CommandFailed(words, 1, "no answer")
                if not askers or since >= another:
                    askers.append(ask(port))
                    another = since + max(ANOTHER, ANOTHER_PART * since)
            return time.perf_counter() - begin
        finally:
            for asker in askers:
                asker.close()


# ---- who is asked ------------------------------------------------------------------------------

def httpd(machine, _work, site, port):
    return [CORACLE, "run", "--on", machine, "--net", f"user,{port}:80", "--blk", f"{site}.tar,ro",
            app("httpd")]


def nginx(work, site, port):
    os.chmod(work, 0o755)
    return linux.nginx_on_host(work, site, port)


def nginx_in_linux(work, site, port):
    """In the q35 that httpd has."""
    linux.initramfs(work / "initramfs", LINUX_JOB, site)
    return linux.qemu_words(
        boot.qemu_command(work, [CORACLE, "run", "--on", "q35", "--net", f"user,{port}:80",
                                 app("hello")]), work / "initramfs")


def take_turns(servers, turns, samples):
    """Fills `samples` with milliseconds; the first turn fills caches and does not count."""
    for turn in range(-1, turns):
        for name, (words, port) in servers.items():
            if name == "linux-q35" and turn % LINUX_EVERY:
                continue
            taken = seconds_to_answer(words, port) * 1e3
            if turn >= 0:
                samples.setdefault(name, []).append(taken)


def compare(results, where, makers, reasons, turns):
    """Those of one accelerator; what there is when one fails is kept."""
    samples = {}
    with folder() as work:
        site = linux.make_site(work / "site")
        servers = {}
        for name, make in makers.items():
            if reasons[name]:
                results.not_measured(*named(name), reasons[name])
            else:
                port = free_port()
                servers[name] = make(work, site, port), port
        try:
            take_turns(servers, turns, samples)
        finally:
            for name, values in samples.items():
                results.figure(*named(name), samples=values, command=shown(servers[name][0]))
    results.group("bars", f"exec to the first byte of an answer, {where}",
                  [f"first_byte.{name}" for name in makers],
                  over=({"first_byte.native": "first_byte.nginx"} if "nginx" in makers else
                        over(makers, "first_byte.{}".format)))


def first_byte(results):
    no_qemu, no_linux = why_not(need_qemu), why_not(linux.files)
    reasons = {"native": why_not(need_kvm), "microvm": no_qemu, "q35": no_qemu, "nginx": no_linux,
               "linux-q35": no_qemu or no_linux}
    need_one(reasons.values())
    compare(results, "native", {"native": functools.partial(httpd, "native"), "nginx": nginx}, reasons,
            few(5, 100))
    compare(results, "under QEMU", {"microvm": functools.partial(httpd, "microvm"),
                                    "q35": functools.partial(httpd, "q35"),
                                    "linux-q35": nginx_in_linux}, reasons, few(1, 3 * LINUX_EVERY))


PARTS = (Part("first-byte", "a web server, from exec to its first byte", first_byte, 60, 12),)
