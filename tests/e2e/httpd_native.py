#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Builds httpd for the host, with sanitizers, and checks it: all of httpd_checks.py, and what needs
options, limits and signals of its own (bad command lines, time-outs, running out of descriptors).

    httpd_native.py [-o CHECK]      B names the build directory (build)

One line per check, "ok NAME" or "FAIL NAME: why", then the counts; exit status 0 if none failed.
"""
import argparse
import glob
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

import httpd_checks
from httpd_client import HANG_S, Site, expect, prepare, request

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HTTPD = os.path.join(os.environ.get("B", os.path.join(TOP, "build")), "tests", "httpd-native")
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def build():
    os.makedirs(os.path.dirname(HTTPD), exist_ok=True)
    sources = sorted(glob.glob(os.path.join(TOP, "apps", "httpd", "*.c")))
    subprocess.run(["gcc", "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Wshadow", "-Werror",
                    "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-o", HTTPD,
                    *sources], check=True)


class Httpd:
    """A running httpd on a free port; at the end it must stop on SIGTERM with status 0."""

    def __init__(self, root, *options, files=0, stdout=None):
        def limit():
            if files:
                resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        self.process = subprocess.Popen(
            [HTTPD, "-p", "0", "-r", root, *options], preexec_fn=limit, text=True,
            stdout=stdout or subprocess.DEVNULL, stderr=subprocess.PIPE)
        line = self.process.stderr.readline()
        words = line.split()
        expect(words[:4] == ["httpd:", "serving", root, "on"] and words[4] == "port", line,
               self.process.stderr.read() if not words else "")
        self.port = int(words[5])
        self.families = line[line.index("("):].strip()
        self.site = Site("127.0.0.1", self.port, root, 1000, False)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(HANG_S)
        words = self.process.stderr.read()
        self.process.stderr.close()
        if kind is None:
            expect(status == 0 and words == "", "ended with", status, words)

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def metric(self, name):
        return httpd_checks.read_metrics(self.site)[0][name]


def fails(status, words, *options):
    done = subprocess.run([HTTPD, *options], capture_output=True, text=True, timeout=HANG_S,
                          check=False)
    expect(done.returncode == status, options, "status", done.returncode)
    expect(words in done.stderr and done.stdout == "", options, done.stderr)
    expect(status == 2 or done.stderr.count("\n") == 1, options, "not one line:", done.stderr)


@check
def all_of_httpd_checks(root):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    with Httpd(root) as httpd:
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "httpd_checks.py")
        done = subprocess.run([sys.executable, script, "127.0.0.1", str(httpd.port), root],
                              stdout=subprocess.PIPE, text=True, check=False)
        expect(done.returncode == 0, "\n" + done.stdout)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@check
def bad_command_lines(root):
    fails(2, "usage:", "-x")
    fails(2, "usage:", "-r", root, "surplus")
    for port in ("65536", "-1", "80x", ""):
        fails(2, "-p", "-p", port)
    fails(2, "-c", "-c", "0")
    fails(2, "-t", "-t", "0")
    fails(1, "No such file", "-p", "0", "-r", root + "/nowhere")
    fails(1, "Not a directory", "-p", "0", "-r", root + "/index.html")
    fails(1, "too long", "-p", "0", "-r", "/" + "x" * 2000)
    with tempfile.TemporaryDirectory() as empty:
        fails(1, "is empty", "-p", "0", "-r", empty)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        fails(1, f"cannot listen on port {port}", "-p", port, "-r", root)


@check
def both_families(root):
    with Httpd(root) as httpd:
        expect(httpd.site.ask("/").status == 200, "IPv4")
        if "IPv6" in httpd.families:
            site = Site("::1", httpd.port, root, 1, False)
            expect(site.ask("/").body == site.content("index.html"), "IPv6")


@check
def access_log(root):
    with tempfile.TemporaryFile("w+", encoding="latin-1") as log:
        with Httpd(root, stdout=log) as httpd:
            httpd.site.ask("/", fields='User-Agent: a"b\\c\r\nReferer: http://x/\r\n')
            httpd.site.ask("/nothing", "HEAD")
            with httpd.site.client() as c:
                c.send(b'GET /\x1b[31m"\r\n\r\n')
                c.answer()
        log.seek(0)
        lines = log.read().split("\n")
    stamp = r"127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] "
    expect(len(lines) == 4 and lines[3] == "", lines)
    for line, rest in zip(lines, (
            r'"GET / HTTP/1\.1" 200 \d+ "http://x/" "a\\x22b\\x5cc"',
            r'"HEAD /nothing HTTP/1\.1" 404 0 "-" "-"',
            r'"GET /\\x1b\[31m\\x22" 400 \d+ "-" "-"')):
        expect(re.fullmatch(stamp + rest, line), line)


@check
def quiet_and_without_standard_output(root):
    with tempfile.TemporaryFile("w+") as log:
        with Httpd(root, "-q", stdout=log) as httpd:
            httpd.site.ask("/")
        log.seek(0)
        expect(log.read() == "", "-q is not quiet")
    reader, writer = os.pipe()
    os.close(reader)
    with Httpd(root, stdout=writer) as httpd:
        os.close(writer)
        for _ in range(3):
            httpd.site.ask("/")
            time.sleep(0.2)
        expect(httpd.metric("httpd_log_dropped_lines_total") >= 1, "lost lines are not counted")


@check
def time_outs(root):
    with Httpd(root, "-t", "1") as httpd:
        site = httpd.site
        with site.client() as idle, site.client() as slow, site.client(rcvbuf=4096) as stuck, \
                site.client() as body:
            stuck.send(request("/random/big.bin") * 4)
            body.send(request("/", fields="Content-Length: 100\r\n") + b"x")
            expect(body.answer().status == 200)
            slow.send(b"GET / HTTP/1.1\r\nHost:")
            expect(slow.answer().status == 408, "no 408")
            expect(slow.at_end() and idle.at_end() and body.at_end())
            time.sleep(1)
            while stuck.more():
                pass
            expect(len(stuck.buf) < 4 * 6 << 20, "a stuck reader got everything")
        expect(httpd.metric("httpd_connections_timed_out_total") >= 4)


@check
def slow_request_is_not_prolonged(root):
    """A head that comes byte by byte does not hold its connection for ever."""
    with Httpd(root, "-t", "1") as httpd, httpd.site.client() as c:
        c.sock.settimeout(0.1)
        for _ in range(600):
            try:
                c.send(b"A")
                if not c.more() or b"408" in c.buf:
                    break
            except socket.timeout:
                continue
            except (ConnectionResetError, BrokenPipeError):
                break
        expect(c.buf.startswith(b"HTTP/1.1 408 "), c.buf[:40])


@check
def limit_of_connections(root):
    with Httpd(root, "-c", "8") as httpd:
        clients = [httpd.site.client() for _ in range(8)]
        for c in clients:
            c.send(request("/random/big.bin"))
        late = httpd.site.client()
        late.send(request("/"))
        before = httpd.cpu_s()
        time.sleep(1)
        expect(httpd.cpu_s() - before < 0.3, "spins while it is full")
        expect(not select.select([late.sock], [], [], 0)[0], "served beyond the limit")
        for c in clients:
            expect(c.answer().status == 200)
        # All of the eight rest now. One of them has to make room before long.
        expect(late.answer().status == 200)
        late.sock.close()
        expect(httpd.metric("httpd_connections_evicted_total") >= 1)
        for c in clients:
            c.sock.close()


@check
def evicted_with_an_event_at_hand(root):
    """A connection that makes room may have something to say in the same turn of the loop."""
    with Httpd(root, "-c", "4") as httpd:
        old = [httpd.site.client() for _ in range(4)]
        for c in old:
            c.send(request("/"))
            expect(c.answer().status == 200)
        time.sleep(1.2)
        httpd.process.send_signal(signal.SIGSTOP)
        new = httpd.site.client()
        new.send(request("/sub/"))
        for c in old:
            c.send(request("/"))
        httpd.process.send_signal(signal.SIGCONT)
        expect(new.answer().body == httpd.site.content("sub/index.html"))
        new.sock.close()
        expect(not old[0].more(), "the oldest did not make room")
        for c in old[1:]:
            expect(c.answer().status == 200)
        for c in old:
            c.sock.close()


@check
def out_of_descriptors(root):
    with Httpd(root, files=32) as httpd:
        clients = [httpd.site.client() for _ in range(60)]
        for c in clients:
            c.send(request("/random/65536.bin", fields="Connection: close\r\n"))
        for i, c in enumerate(clients):
            expect(c.answer().status in (200, 503), "connection", i)
            c.sock.close()
        idle = [httpd.site.client() for _ in range(60)]
        before = httpd.cpu_s()
        time.sleep(1)
        expect(httpd.cpu_s() - before < 0.3, "spins while descriptors are short")
        for c in idle:
            c.sock.close()
        expect(httpd.site.ask("/random/65536.bin").status == 200)
        expect(httpd.metric("httpd_accept_pauses_total") >= 1, "was never short")


@check
def idle_means_idle(root):
    with Httpd(root) as httpd, httpd.site.client() as c:
        c.send(request("/"))
        c.answer()
        time.sleep(0.3)
        before = httpd.cpu_s()
        with open(f"/proc/{httpd.process.pid}/status", encoding="ascii") as f:
            switches = f.read().partition("\nvoluntary_ctxt_switches:")[2].split()[0]
        time.sleep(1.5)
        with open(f"/proc/{httpd.process.pid}/status", encoding="ascii") as f:
            after = f.read().partition("\nvoluntary_ctxt_switches:")[2].split()[0]
        expect(httpd.cpu_s() == before and switches == after, "wakes up without a reason")


@check
def changed_and_removed_files(root):
    """Replaced files are served anew; one that shrinks in transfer ends that connection only."""
    path = os.path.join(root, "changing.bin")
    with Httpd(root) as httpd:
        for size in (100, 200, 70000, 50):
            with open(path, "wb") as f:
                f.write(os.urandom(size))
            time.sleep(1.1)
            expect(httpd.site.ask("/changing.bin").body == httpd.site.content("changing.bin"), size)
        with open(path, "wb") as f:
            f.write(bytes(20 << 20))
        time.sleep(1.1)
        with httpd.site.client(rcvbuf=4096) as c:
            c.send(request("/changing.bin"))
            c.more()
            os.truncate(path, 1000)
            while c.more():
                pass
            expect(len(c.buf) < 20 << 20, "nothing was cut")
        os.unlink(path)
        time.sleep(1.1)
        expect(httpd.site.ask("/changing.bin").status == 404)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("-o", "--only", metavar="NAME", help="run this check alone")
    args = parser.parse_args()
    build()
    passed = failed = 0
    with tempfile.TemporaryDirectory() as root:
        prepare(root)
        for function in CHECKS:
            if args.only not in (None, function.__name__):
                continue
            try:
                function(root)
                print("ok", function.__name__, flush=True)
                passed += 1
            except Exception as error:  # a check that breaks is a check that failed
                print(f"FAIL {function.__name__}: {error or type(error).__name__}", flush=True)
                failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
