# SPDX-License-Identifier: BSD-2-Clause
"""The test bed for Xen: Xen with a Linux dom0 in QEMU, emulated, one boot for many jobs.

    bed = Bed(cache, "xen-pv")             what scripts/fetch-xen has left there, fetched if need be
    bed.put("/bin/coracle", path)          a file for dom0
    bed.job("name", script, limit=60)      a shell script that dom0 runs; its name has no white space
    bed.job("other", script, 60, host)     when the script writes READY to /dev/ttyS1, host() is called,
                                           and then a line written there for it
    for name, result in bed.run(): ...     a harness.Result or Failure for each job, as they end

bed.port of 127.0.0.1 leads to port 80 of 10.77.0.2 on dom0's bridge. dom0 is tests/xen/init. A job that
takes dom0 or Xen down fails, and the bed is booted anew for the rest.
"""
import contextlib
import os
import pathlib
import re
import select
import subprocess

import harness
from harness import ROOT, Failure, Result
from initramfs import Archive, libraries_of

HERE = pathlib.Path(__file__).resolve().parent
BOOT_LIMIT = 300  # seconds until a bed that says nothing counts as hung
FRUITLESS_MAX = 2  # so many boots, one after the other, without a job that ends

MODULES = ["xen-privcmd", "xen-evtchn", "xen-gntdev", "xen-gntalloc", "xenfs", "llc", "stp", "bridge",
           "xen-netback", "xen-blkback", "loop", "e1000"]
TOOLS = ["xl", "xenstored", "xenconsoled", "xenconsole", "xen-init-dom0", "libxl-save-helper", "xenctx"]
XENSTORE = ["read", "write", "list", "ls", "rm", "exists", "watch"]
LOADER = "lib64/ld-linux-x86-64.so.2"

# Where everything in dom0 is always at the same addresses, QEMU translates a program once, not at each start.
LINUX_WORDS = "console=hvc0 quiet panic=-1 norandmaps"
# XSAVE is emulated with errors, RDTSCP not at all for nested guests; PVH needs SVM with nested paging.
QEMU = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "qemu64,+npt,+rdrand,+fsgsbase", "-smp", "1", "-nodefaults",
        "-no-user-config", "-display", "none", "-no-reboot"]
XEN_WORDS = "console=com1 com1=115200,8n1 loglvl=info guest_loglvl=info dom0_mem={0}M,max:{0}M noreboot=0"
DOM0_BYTES = 512 << 20  # beside its files, which are in memory twice while it unpacks them
GUESTS_BYTES = 320 << 20


def add_programs(archive, root):
    """xl and its like, and the libraries that they need."""
    places = [root / "usr/lib/x86_64-linux-gnu", root / "lib/x86_64-linux-gnu"]
    todo = [(f"usr/lib/xen/bin/{name}", root / "usr/lib/xen-4.17/bin" / name) for name in TOOLS]
    todo += [(f"bin/xenstore-{word}", root / f"usr/bin/xenstore-{word}") for word in XENSTORE]
    todo.append(("lib/libgcc_s.so.1", None))  # loaded by name when a thread is cancelled
    while todo:
        path, source = todo.pop()
        if path in archive.known or path == "lib/" + os.path.basename(LOADER):
            continue
        if source is None:
            found = [place / os.path.basename(path) for place in places]
            source = next((file for file in found if file.exists()), None)
            if source is None:
                raise Failure(f"scripts/fetch-xen left no {path}")
        archive.copy(path, source)
        todo += [("lib/" + name, None) for name in libraries_of(source)]
    archive.copy(LOADER, places[1] / os.path.basename(LOADER))


def add_base(archive, root):
    for folder in ("proc", "sys", "dev", "run", "tmp", "var", "etc/xen"):
        archive.folder(folder)
    archive.link("var/run", "/run")
    archive.link("usr/lib/xen-4.17", "xen")
    archive.copy("bin/busybox", root / "bin/busybox")
    add_programs(archive, root)
    drivers = {path.stem: path for path in (root / "lib/modules").rglob("*.ko")}
    for name in MODULES:
        archive.copy(f"lib/modules/{name}.ko", drivers[name])
    archive.copy("init", HERE / "init")
    archive.copy("functions", HERE / "functions")
    for script in (HERE / "hotplug").iterdir():
        archive.copy(f"etc/xen/scripts/{script.name}", script)
    archive.put("etc/xen/xl.conf", b'autoballoon="off"\n')


def emulator_version():
    said = harness.run([QEMU[0], "--version"]).out
    found = re.search(r"version (\d+)", said)
    return int(found.group(1)) if found else 0


class Bed:
    def __init__(self, cache, hypervisor, options=()):
        """`options` are QEMU's, beside the bed's own."""
        if hypervisor == "xen-pvh" and emulator_version() != 7:
            raise Failure(f"QEMU {emulator_version()} does not run PVH guests under an emulated Xen; 7 does")
        self.files = pathlib.Path(cache) / "xen"
        result = harness.run([str(ROOT / "scripts" / "fetch-xen"), str(cache)], limit=600)
        if result.status != 0:
            raise Failure((result.err.splitlines() or ["scripts/fetch-xen failed"])[-1])
        self.puts, self.jobs, self.options = {}, {}, list(options)
        self.port = harness.free_port()

    def put(self, path, source):
        """A file of the host, or bytes, for every boot of dom0."""
        self.puts[path] = source

    def job(self, name, script, limit=harness.PATIENCE, host=None):
        self.jobs[name] = (script, limit, host)

    def run(self):
        left, fruitless = list(self.jobs), 0
        while left:
            with harness.folder() as work:
                for name, result in self._boot(work, list(left)):
                    fruitless = fruitless + 1 if isinstance(result, Failure) else 0
                    left.remove(name)
                    yield name, result
            if fruitless == FRUITLESS_MAX:
                for name in left:
                    yield name, result
                return

    def _write_archive(self, path, names):
        archive = Archive()
        add_base(archive, self.files / "root")
        for target, source in self.puts.items():
            archive.put(target, source if isinstance(source, bytes) else pathlib.Path(source).read_bytes())
        for name in names:
            archive.put(f"jobs/{name}", self.jobs[name][0].encode())
        archive.put("jobs/list", "".join(f"{name} {self.jobs[name][1]}\n" for name in names).encode())
        with open(path, "wb") as file:
            archive.write(file)
        return archive.bytes

    def _boot(self, work, names):
        """Results of `names` until the machine ends; the job that was at work then has failed."""
        archive = self._write_archive(work / "dom0.cpio", names)
        dom0 = (DOM0_BYTES + 2 * archive) >> 20
        network = f"user,id=net,net=10.77.0.0/24,host=10.77.0.254,hostfwd=tcp:127.0.0.1:{self.port}-10.77.0.2:80"
        command = QEMU + self.options + ["-netdev", network, "-device", "e1000,netdev=net,romfile=", "-m", str(dom0 + (GUESTS_BYTES >> 20)), "-serial", f"file:{work}/console",
                          "-serial", "stdio", "-kernel", str(self.files / "xen"),
                          "-append", XEN_WORDS.format(dom0), "-initrd",
                          f"{self.files}/linux.gz {LINUX_WORDS},{work}/dom0.cpio"]
        limit = BOOT_LIMIT + max(self.jobs[name][1] for name in names)
        at = names[0]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT) as qemu:
            port = Port(qemu.stdout, limit)
            try:
                while True:
                    words = port.line().split()
                    if words[:1] == ["START"]:
                        at = words[1]
                    elif words[:1] == ["READY"]:
                        self.jobs[at][2]()
                        with contextlib.suppress(BrokenPipeError):  # the job may be over its time
                            os.write(qemu.stdin.fileno(), b"\n")
                    elif words[:1] == ["END"]:
                        at = None
                        yield words[1], Result(int(words[2]), port.text(int(words[3])), port.text(int(words[4])))
                    elif words[:1] == ["DONE"]:
                        return
            except Silence as silence:
                said = (work / "console").read_bytes().decode(errors="replace")
                yield at or names[-1], Failure(f"the test bed {silence}; it said\n{said[-4000:]}")
            finally:
                qemu.kill()


class Silence(Exception):
    """The bed has ended or hangs."""


class Port:
    """The serial port on which dom0 talks to us."""

    def __init__(self, file, limit):
        self.file, self.limit, self.bytes = file, limit, b""

    def _more(self):
        ready, _, _ = select.select([self.file], [], [], self.limit)
        if not ready:
            raise Silence(f"was silent for {self.limit} seconds")
        data = os.read(self.file.fileno(), 65536)
        if not data:
            raise Silence("ended by itself")
        self.bytes += data

    def line(self):
        while b"\n" not in self.bytes:
            self._more()
        line, _, self.bytes = self.bytes.partition(b"\n")
        return line.decode(errors="replace")

    def text(self, count):
        while len(self.bytes) < count:
            self._more()
        data, self.bytes = self.bytes[:count], self.bytes[count:]
        return data.decode(errors="replace")
