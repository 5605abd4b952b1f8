# SPDX-License-Identifier: BSD-2-Clause
"""The least memory with which programs work, found by bisection, to the page: on native, microvm and q35.
What Xen's domains need is in xen.py."""
import dataclasses
import functools
import socket
import subprocess
import typing

from harness import BUILD, CORACLE, Failure, Machine, app, free_port, guest, wait_http
from host import Part, need_kvm, need_qemu, why_not
from measure import QUICK, shown

SITE = BUILD / "site.tar"
PAGE_KIB = 4
PAGES_MOST = 4096  # with which everything works


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


def words(on, pages, image, *options):
    return [CORACLE, "run", "--on", on, "--timeout", "20", "--mem", f"{pages * PAGE_KIB}K", *options, image]


def runs_in(on, image, options, pages):
    return subprocess.run(words(on, pages, image, *options), stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


def httpd_in(on, pages, port):
    return Machine("--on", on, "--mem", f"{pages * PAGE_KIB}K", "--net", f"user,{port}:80", "--blk",
                   f"{SITE},ro", app("httpd"), stdout=subprocess.DEVNULL)


def serves_in(on, pages):
    port = free_port()
    with httpd_in(on, pages, port) as machine:
        try:
            return wait_http(port, machine=machine, limit=20)[0] == 200
        except Failure:
            return False


def holds_connections(count, pages):
    """Do `count` idle connections fit, each of which answers in the end?"""
    port = free_port()
    held = []
    with httpd_in("native", pages, port) as machine:
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


@dataclasses.dataclass
class Program:
    name: str
    title: str
    image: str
    options: tuple
    works: typing.Callable  # of the machine and pages


def by_status(name, title, image, *options):
    return Program(name, title, image, options,
                   lambda on, pages: runs_in(on, image, options, pages))


PROGRAMS = (by_status("hello", "hello", app("hello")),
            by_status("threads", "a program with four threads", guest("threads_small")),
            by_status("reader", "a program that reads a disk", guest("tree"), "--blk", f"{SITE},ro"),
            Program("httpd", "httpd, one page served", app("httpd"),
                    ("--net", "user,8080:80", "--blk", f"{SITE},ro"), serves_in))


def figure_name(on, program):
    """Figures of native have no machine in their name."""
    return f"memory.{program.name}" if on == "native" else f"memory.{on}.{program.name}"


def memory_of(results, on):
    for program in PROGRAMS:
        if not results.wanted(figure_name(on, program)):
            continue
        title = f"least memory of {program.title}, {on}"
        if QUICK and on != "native" and program.name in ("threads", "reader"):
            results.not_measured(figure_name(on, program), title, "KiB", "QUICK=1")
            continue
        pages = least_pages(title, 1, PAGES_MOST, functools.partial(program.works, on))
        results.figure(figure_name(on, program), title, "KiB", value=pages * PAGE_KIB,
                       command=shown(words(on, pages, program.image, *program.options)))
        if figure_name(on, program) in results.goals:
            results.reach(figure_name(on, program), pages * PAGE_KIB)


def not_measured(results, on, reason):
    for program in PROGRAMS:
        name = figure_name(on, program)
        if not results.wanted(name):
            continue
        results.not_measured(name, f"least memory of {program.title}, {on}", "KiB", reason)
        if name in results.goals:
            results.goals[name].reason = reason


def memory(results):
    for on, need in (("native", need_kvm), ("microvm", need_qemu), ("q35", need_qemu)):
        reason = why_not(need)
        if not reason:
            memory_of(results, on)
            continue
        not_measured(results, on, reason)
    for program in PROGRAMS:
        results.group("bars", f"least memory of {program.title}", [figure_name(on, program)
                                                                  for on in ("native", "microvm", "q35")])
    if results.wanted():
        connections(results)


def connections(results):
    figure = "memory.connections", "idle connections that fit in 16 MiB, native", "connections"
    reason = why_not(need_kvm)
    if reason:
        results.not_measured(*figure, reason)
        return
    held = holds_connections(1000, 4096)
    results.figure(*figure, value=1000 if held else 0, better="more",
                   command=shown(words("native", 4096, app("httpd"), *PROGRAMS[-1].options)),
                   note="1000 is what was tried; 0: they do not fit")


PARTS = (Part("memory", "least memory that works, by bisection", memory, 15, 7,
              ("memory.hello", "memory.httpd"), 2),)
