# SPDX-License-Identifier: BSD-2-Clause
"""What the test runner and the end-to-end tests share: finding what was built, running the
monitor, waiting for events, and names for things that must be removed again.

Nothing here measures time. Waits have limits so that a hang ends, long enough for a slow machine.
"""
import contextlib
import http.client
import itertools
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("B", "build"))
if not BUILD.is_absolute():
    BUILD = ROOT / BUILD
CORACLE = str(BUILD / "coracle")
QEMU_SCSI = str(ROOT / "tests" / "qemu-scsi")  # in QEMU's place: its disks become SCSI disks
PATIENCE = 120  # seconds until something that should have happened counts as hung


class Failure(Exception):
    """A check that did not hold."""


def check(condition, message):
    if not condition:
        raise Failure(message)


def equal(got, wanted, what):
    if got != wanted:
        raise Failure(f"{what}: got {shorten(got)}, wanted {shorten(wanted)}")


def contains(text, part, what):
    if part not in text:
        raise Failure(f"{what}: {part!r} is not in {shorten(text)}")


def shorten(value, most=600):
    text = repr(value)
    return text if len(text) <= most else text[:most] + "..."


def app(name):
    return str(BUILD / "apps" / name)


def guest(name):
    return str(BUILD / "tests" / "guest" / name)


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err


def run(arguments, stdin=subprocess.DEVNULL, limit=PATIENCE, **more):
    """Runs a command to its end."""
    process = subprocess.Popen(arguments, stdin=stdin, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, **more)
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise Failure(f"{' '.join(map(str, arguments))} hung; it said "
                      f"{shorten(out.decode(errors='replace'))} and "
                      f"{shorten(err.decode(errors='replace'))}") from None
    return Result(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))


def coracle(*arguments, **more):
    """coracle run ..."""
    return run([CORACLE, "run", *map(str, arguments)], **more)


def user_error(result, *parts):
    """A user's mistake: one line that names it, status 2, nothing on standard output."""
    equal(result.status, 2, f"status (it said {result.err!r})")
    one_line(result, *parts)


def one_line(result, *parts):
    equal(result.out, "", "standard output")
    lines = result.err.splitlines()
    equal(len(lines), 1, f"lines on standard error {lines}")
    check(lines[0].startswith("coracle: "), f"the line does not say who speaks: {lines[0]!r}")
    for part in parts:
        contains(lines[0], part, "the line")


class Machine:
    """A running `coracle run`, its standard error collected line by line."""

    def __init__(self, *arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **more):
        self.process = subprocess.Popen([CORACLE, "run", *map(str, arguments)], stdin=stdin,
                                        stdout=stdout, stderr=subprocess.PIPE, **more)
        self.lines = {"out": [], "err": []}
        self.news = threading.Condition()
        self.open_streams = 0
        for name, stream in (("out", self.process.stdout), ("err", self.process.stderr)):
            if stream is not None:
                self.open_streams += 1
                threading.Thread(target=self._collect, args=(name, stream), daemon=True).start()

    def _collect(self, name, stream):
        for line in stream:
            with self.news:
                self.lines[name].append(line.decode(errors="replace").rstrip("\n"))
                self.news.notify_all()
        with self.news:
            self.open_streams -= 1
            self.news.notify_all()

    def wait_line(self, part, stream="err", limit=PATIENCE):
        """Waits for a line that holds `part`, and returns it."""
        end = time.monotonic() + limit
        with self.news:
            seen = 0
            while True:
                lines = self.lines[stream]
                for line in lines[seen:]:
                    if part in line:
                        return line
                seen = len(lines)
                if self.open_streams == 0:
                    raise Failure(f"the VM ended without saying {part!r}: {self.lines}")
                if not self.news.wait(max(0, end - time.monotonic())):
                    raise Failure(f"the VM never said {part!r}: {self.lines}")

    def running(self):
        return self.process.poll() is None

    def text(self, stream="err"):
        return "\n".join(self.lines[stream])

    def end(self, how=signal.SIGTERM, limit=PATIENCE):
        """Ends it by a signal; its exit status as a shell would say it."""
        if self.running():
            self.process.send_signal(how)
        return self.wait(limit)

    def wait(self, limit=PATIENCE):
        try:
            status = self.process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure(f"the VM did not end: {self.lines}") from None
        end = time.monotonic() + limit
        with self.news:
            while self.open_streams and self.news.wait(max(0, end - time.monotonic())):
                pass
        return status if status >= 0 else 128 - status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.running():
            self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def folder(where=None):
    path = tempfile.mkdtemp(prefix="coracle-test-", dir=where)
    try:
        yield pathlib.Path(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def free_port():
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_http(port, host="127.0.0.1", path="/", limit=PATIENCE, machine=None):
    """Waits until an HTTP server answers, and returns (status, body)."""
    end = time.monotonic() + limit
    while True:
        try:
            connection = http.client.HTTPConnection(host, port, timeout=limit)
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            return answer.status, body
        except (OSError, http.client.HTTPException) as error:
            if machine is not None and not machine.running():
                raise Failure(f"`{shlex.join(machine.process.args)}` ended: {machine.lines}") from None
            if time.monotonic() > end:
                raise Failure(f"nobody answers on {host}:{port}: {error}") from None
            time.sleep(0.02)


def make_tar(source, target, *options):
    subprocess.run(["tar", "-C", str(source), "-cf", str(target), *options, "."], check=True)


def is_root():
    return os.geteuid() == 0


class Skip(Exception):
    """A test that cannot run here, with the reason."""


def needs_root():
    if not is_root():
        raise Skip("needs root")


NAMESPACES = itertools.count()


@contextlib.contextmanager
def tap_namespace():
    """A network namespace with a tap `ctap0` (10.77.0.1/24 on the host's side of it), in which
    commands are run by `inside(command)`; it is removed at the end."""
    needs_root()
    name = f"coracle-{os.getpid()}-{next(NAMESPACES)}"

    def ip(*arguments):
        subprocess.run(["ip", *arguments], check=True, capture_output=True)

    def inside(*command):
        return ["ip", "netns", "exec", name, *map(str, command)]

    ip("netns", "add", name)
    try:
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "tuntap", "add", "ctap0", "mode", "tap")
        ip("-n", name, "addr", "add", "10.77.0.1/24", "dev", "ctap0")
        ip("-n", name, "link", "set", "ctap0", "up")
        yield inside
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True)
