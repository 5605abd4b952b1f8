# SPDX-License-Identifier: BSD-2-Clause
"""The least Linux guest beside hello on QEMU's q35, hello by `coracle run` (which starts QEMU), Linux by the
command of QEMU that this gives, with another kernel: size of what is booted, exec to exit, least memory, and
memory of the host while the guest sleeps. Linux is Debian's kernel for clouds with busybox alone in an
initramfs; its first program says a line and powers off."""
import functools
import subprocess

import boot
import linux
from footprint import smaps, stripped_bytes
from harness import CORACLE, Failure, app, folder, guest
from host import Part, need_qemu
from initramfs import Archive
from measure import QUICK, NotMeasured, alternate, over, seconds_of, shown
from memory import PAGE_KIB, least_pages, runs_in

INIT = "#!/bin/busybox sh\n/bin/busybox echo Hello from Linux\n/bin/busybox poweroff -f\n"
SLEEPER = "#!/bin/busybox sh\n/bin/busybox echo asleep\nexec /bin/busybox sleep 100000\n"
MEMORY = "128M"  # of the guest whose start and memory of the host are measured
STEP_MEBIBYTES, MOST_STEPS = 8, 32
OUTPUT = "file,id=out,append=on,path=/dev/null"  # where what our guest says goes (boot.qemu_command)
PATIENCE = 30  # seconds in which it must have ended, however little memory it has


def initramfs(path, init):
    archive = Archive()
    archive.copy("bin/busybox", linux.files() / "root" / "bin" / "busybox")
    archive.put("init", init.encode())
    with open(path, "wb") as file:
        archive.write(file)
    return path


def says_hello(words, steps):
    """Does it boot in so many steps of memory and say its line?"""
    words = linux.replaced(words, "-m", f"{steps * STEP_MEBIBYTES}M")
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return False
    return b"Hello from Linux" in done.stdout


def pair(results, what, title, unit, values, **more):
    """Ours and Linux's figure; `values`: a number or samples for each."""
    for (name, value), system in zip(values.items(), ("hello on q35", "the least Linux guest on q35")):
        kind = {"samples": value} if isinstance(value, list) else {"value": value}
        results.figure(f"guest.{what}.{name}", f"{title}, {system}", unit, **kind, **{
            key: words[name] for key, words in more.items()})
    results.group("bars", title, [f"guest.{what}.{name}" for name in values],
                  over=over(values, f"guest.{what}.{{}}".format))


def asleep(words):
    """Private and proportional memory of a QEMU, in MiB, whose guest has said that it sleeps."""
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        try:
            if not any(b"asleep" in line for line in process.stdout):
                raise Failure(f"`{shown(words)}` never slept")
            return smaps(process.pid, r"Private_\w+") / 2**20, smaps(process.pid, "Pss") / 2**20
        finally:
            process.kill()


def start(results, ours, theirs):
    samples = alternate({"q35": functools.partial(seconds_of, ours),
                         "linux-q35": functools.partial(seconds_of, theirs)}, 5, warm=1)
    pair(results, "exit", "exec to exit, hello by coracle run", "ms",
         {name: [seconds * 1e3 for seconds in values] for name, values in samples.items()},
         command={"q35": shown(ours), "linux-q35": shown(theirs)})


def measure_guest(results):
    if QUICK:
        raise NotMeasured("QUICK=1")
    need_qemu()
    with folder() as work:
        archive, sleeper = initramfs(work / "initramfs", INIT), initramfs(work / "sleeper", SLEEPER)
        hello = [CORACLE, "run", "--on", "q35", app("hello")]
        words = boot.qemu_command(work, hello)
        theirs = linux.qemu_words(words, archive, MEMORY)
        kernel, files = ((linux.files() / "vmlinuz").stat().st_size, archive.stat().st_size)
        pair(results, "size", "size of what is booted", "KiB",
             {"q35": stripped_bytes(app("hello")) / 1024, "linux-q35": (kernel + files) / 1024},
             note={"q35": "", "linux-q35": f"kernel {kernel >> 10:,} KiB, packed; busybox and a script "
                                           f"{files >> 10:,} KiB, not packed"},
             command={"q35": shown(["coracle", "inspect", app("hello")]),
                      "linux-q35": shown(["ls", "-l", linux.files() / "vmlinuz", archive])})
        start(results, hello, theirs)
        steps = least_pages("the Linux guest", 2, MOST_STEPS, functools.partial(says_hello, theirs))
        pages = least_pages("hello on q35", 1, 4096, lambda pages: runs_in("q35", app("hello"), (), pages))
        pair(results, "memory", "least memory", "KiB",
             {"q35": pages * PAGE_KIB, "linux-q35": steps * STEP_MEBIBYTES * 1024},
             note={"q35": "to the page", "linux-q35": f"in steps of {STEP_MEBIBYTES} MiB"},
             command={"q35": shown(hello), "linux-q35": shown(theirs)})
        ours = [word.replace(OUTPUT, "stdio,id=out") for word in
                linux.replaced(words, "-kernel", guest("sleep_forever"))]
        sleeps = linux.qemu_words(words, sleeper, MEMORY)
        both = {"q35": asleep(ours),
                "linux-q35": asleep(sleeps)}
        for at, kind in enumerate(("private", "proportional")):
            pair(results, kind, f"{kind} memory of QEMU while the guest sleeps", "MiB",
                 {name: values[at] for name, values in both.items()},
                 command={"q35": shown(ours), "linux-q35": shown(sleeps)})


PARTS = (Part("linux-guest", "the least Linux guest beside hello on q35", measure_guest, 90, 0),)
