# SPDX-License-Identifier: BSD-2-Clause
"""Servers to be measured over a network: an image of ours on a tap, a Linux guest in the same QEMU with the
same devices, and nginx on the host. Each is in network namespaces of its own, so that several are up at
once and take turns; servers have CPU 0, the load CPU 1."""
import contextlib
import subprocess
import tempfile
import time

import boot
import linux
from footprint import cpu_seconds
from harness import BUILD, CORACLE, Failure, app, folder, tap_namespace
from host import on_cpu
from leftovers import family
from measure import CommandFailed, run, shown

GUEST, HOST = "10.77.0.2", "10.77.0.1"
SERVER_CPU, LOAD_CPU = "0", "1"
PINNED = f"servers on CPU {SERVER_CPU}, load on CPU {LOAD_CPU}"
STREAM_PORT = "9"
SERVE_NGINX = "nginx -c /nginx.conf\n"  # what the Linux guest does
COUNTED = ("--accel", "tcg")  # only an emulated CPU's instructions can be counted


class Server:
    """A process that serves; it and those below it, such as QEMU, use CPU time."""

    def __init__(self, child, said):
        self.child, self.said = child, said

    def cpu_seconds(self):
        return sum(map(cpu_seconds, family(self.child.pid)))

    def check(self):
        """Raises CommandFailed if it has ended, which a server does not."""
        if self.child.poll() is not None:
            self.said.seek(0)
            raise CommandFailed(self.child.args, self.child.returncode,
                                self.said.read().decode(errors="replace"))


@contextlib.contextmanager
def process(command, **more):
    """A server, ended at the end. If something fails because it has ended before, that is said."""
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=said, **more)
        server = Server(child, said)
        try:
            yield server
        except Exception:
            server.check()
            raise
        finally:
            child.terminate()
            try:
                child.wait(timeout=5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def wait_until(command, what, server, limit=180):
    """Tries a command until it works."""
    end = time.monotonic() + limit
    while subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, check=False, timeout=limit).returncode != 0:
        server.check()
        if time.monotonic() > end:
            raise Failure(f"{what} does not answer `{shown(command)}`")
        time.sleep(0.2)


def wait_http(inside, what, server, address=GUEST):
    wait_until(inside("curl", "-sf", "-m", "5", "-o", "/dev/null", f"http://{address}/small"), what,
               server)


def wait_stream(inside, what, server):
    wait_until(inside(BUILD / "bench" / "stream-linux", GUEST, STREAM_PORT, "echo", "1"), what, server)


def coracle_words(hypervisor, image, disk=None, arguments=(), options=()):
    return [CORACLE, "run", "--on", hypervisor, *options, "--mem", "64M", "--net",
            f"tap:ctap0,ip={GUEST}/24,gw={HOST}", *(["--blk", disk] if disk else []), image,
            *arguments]


@contextlib.contextmanager
def coracle_guest(hypervisor, image, disk=None, arguments=(), environment=None, options=()):
    """An image on a tap in a namespace of its own; gives (inside, server)."""
    with tap_namespace() as inside:
        words = coracle_words(hypervisor, image, disk, arguments, options)
        with process(inside(*on_cpu(SERVER_CPU, *words)), env=environment) as server:
            yield inside, server


@contextlib.contextmanager
def linux_guest(hypervisor, job, site=None, plugin=None, disk=None, **more):
    """A Linux guest on a tap with the devices that an image of ours gets there; `more`: which kernel and
    devices (linux.qemu_words)."""
    with folder() as work, tap_namespace() as inside:
        archive = work / "initramfs"
        linux.initramfs(archive, job, site, more.get("kind", "cloud"))
        words = boot.qemu_command(work, coracle_words(hypervisor, app("hello"), disk,
                                                      options=COUNTED if plugin else ()), inside)
        words = linux.qemu_words(words, archive, **more) + (["-plugin", plugin] if plugin else [])
        with process(inside(*on_cpu(SERVER_CPU, *words))) as server:
            yield inside, server


@contextlib.contextmanager
def veth():
    """Two namespaces with a pair of interfaces between them: 10.77.0.1 and 10.77.0.2."""
    with tap_namespace() as outside, tap_namespace() as inside:
        near, far = outside()[-1], inside()[-1]
        for command in (["-n", near, "link", "del", "ctap0"], ["-n", far, "link", "del", "ctap0"],
                        ["-n", near, "link", "add", "cveth0", "type", "veth", "peer", "name",
                         "cveth0", "netns", far],
                        ["-n", near, "addr", "add", f"{HOST}/24", "dev", "cveth0"],
                        ["-n", far, "addr", "add", f"{GUEST}/24", "dev", "cveth0"],
                        ["-n", near, "link", "set", "cveth0", "up"],
                        ["-n", far, "link", "set", "cveth0", "up"]):
            run(["ip", *command])
        yield outside, inside


@contextlib.contextmanager
def nginx_on_host(work, site):
    """nginx as a process of the host, behind a veth pair; gives (inside, server)."""
    command = linux.nginx_on_host(work, site, 80)
    with veth() as (outside, inside), process(inside(*on_cpu(SERVER_CPU, *command))) as server:
        yield outside, server
