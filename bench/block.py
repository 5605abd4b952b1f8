# SPDX-License-Identifier: BSD-2-Clause
"""Disks: random and sequential transfers of a file's blocks, by guests and by the host's own fio on the
same file: past the host's page cache, and, for comparison, through it."""
import contextlib
import functools
import json
import os

import boot
import linux
from harness import BUILD, CORACLE, app, folder
from host import Part, need_kvm, need_one, need_program, need_qemu, why_not
from leftovers import big_file
from measure import QUICK, CommandFailed, alternate, few, over, run

DISK_BYTES = few(256 << 20, 1 << 30)
# name, words, read or write, random or sequential, bytes of a block, requests on their way, whether
# the host's page cache is passed by
LOADS = (("randread1", "4 KiB random reads, one at a time", "read", "random", 4096, 1, True),
         ("randread32", "4 KiB random reads, 32 on their way", "read", "random", 4096, 32, True),
         ("cached-randread32", "4 KiB random reads, 32 on their way, through the host's page cache",
          "read", "random", 4096, 32, False),
         ("randwrite1", "4 KiB random writes, one at a time", "write", "random", 4096, 1, True),
         ("randwrite32", "4 KiB random writes, 32 on their way", "write", "random", 4096, 32, True),
         ("seqread1", "128 KiB sequential reads, one at a time", "read", "sequential", 131072, 1, True),
         ("seqread32", "128 KiB sequential reads, 32 on their way", "read", "sequential", 131072, 32,
          True),
         ("seqwrite1", "128 KiB sequential writes, one at a time", "write", "sequential", 131072, 1,
          True),
         ("seqwrite32", "128 KiB sequential writes, 32 on their way", "write", "sequential", 131072, 32,
          True))
THE_GOALS = "randread32"  # the load that there is a goal for
OF_THE_GOAL = ("native", "host")  # whom it compares
QUICK_LOADS = ("randread1", THE_GOALS, "randwrite32", "seqread32")


def forget(path):
    """Puts the file's changes on the disk and drops its pages from the host's cache."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def seconds():
    return few(1, 2)


def option(disk, load):
    """What --blk takes."""
    return f"{disk},direct" if load[6] else str(disk)


def of_guest(hypervisor, disk, load):
    _, _, what, how, block, depth, _ = load
    forget(disk)
    return float(run([CORACLE, "run", "--on", hypervisor, "--blk", option(disk, load),
                      BUILD / "bench" / "blockio", "/dev/blk0", what, how, block, depth, seconds()]))


def of_fio(disk, load):
    """Past the cache one process with libaio; through it threads, because libaio waits there."""
    _, _, what, how, block, depth, direct = load
    forget(disk)
    engine = (["--ioengine=libaio", "--direct=1", f"--iodepth={depth}"] if direct else
              ["--ioengine=psync", "--thread", f"--numjobs={depth}", "--group_reporting"])
    said = run(["fio", "--name=x", f"--filename={disk}", "--output-format=json", *engine,
                f"--bs={block}", f"--rw={'rand' if how == 'random' else ''}{what}", "--time_based",
                "--norandommap", f"--runtime={seconds()}", f"--size={DISK_BYTES}",
                "--fallocate=none", "--invalidate=0"])
    return json.loads(said)["jobs"][0][what]["iops"]


def of_linux(disk, load):
    """The same program in a Linux guest on q35, with the disk that ours had there."""
    _, _, what, how, block, depth, _ = load
    forget(disk)
    with folder() as work:
        archive = work / "initramfs"
        linux.initramfs(archive, f"echo result $(blockio {linux.DISKS['virtio']} {what} {how} {block} "
                                 f"{depth} {seconds()})\n")
        words = boot.qemu_command(work, [CORACLE, "run", "--on", "q35", "--blk", option(disk, load),
                                         app("hello")])
        said = run(linux.qemu_words(words, archive))
    found = [line for line in said.splitlines() if line.startswith("result ")]
    if not found or len(found[0].split()) != 2:
        raise CommandFailed(["blockio", "in Linux"], 1, said)
    return float(found[0].split()[1])


@contextlib.contextmanager
def disk_file(name="disk", size=DISK_BYTES):
    """A file without holes beside what is built, which is a disk of the kind people have."""
    path = big_file(BUILD / "bench", name)
    try:
        with open(path, "wb") as file:
            for _ in range(size >> 20):
                file.write(os.urandom(1 << 20))
        yield path
    finally:
        path.unlink(missing_ok=True)


def systems():
    """Who reads and writes: (name, title, function of disk and load, why it cannot)."""
    no_qemu = why_not(need_qemu)
    return (("native", "native", functools.partial(of_guest, "native"), why_not(need_kvm)),
            ("host", "the host's fio", of_fio, why_not(functools.partial(need_program, "fio"))),
            ("q35", "q35", functools.partial(of_guest, "q35"), no_qemu),
            ("microvm", "microvm", functools.partial(of_guest, "microvm"), no_qemu),
            ("linux-q35", "Linux on q35", of_linux, no_qemu or why_not(linux.files)))


def measure_load(results, disk, load, who):
    """One load by all of `who`; the medians of those that can."""
    name, words = load[0], load[1]
    if QUICK and name != THE_GOALS:
        who = [(one, title, take, why or (one.startswith("linux-") and "QUICK=1") or None)
               for one, title, take, why in who]
    if name not in QUICK_LOADS:
        who = [(one, title, take, why or (one == "microvm" and "left out for time") or None)
               for one, title, take, why in who]
    takers = {one: functools.partial(take, disk, load) for one, _, take, why in who if not why}
    samples, commands, medians = {}, {}, {}
    try:
        alternate(takers, few(1, 3), warm=0, samples=samples, commands=commands)
        if name == THE_GOALS:  # one that varies much, so there is more of it
            more = alternate({one: takers[one] for one in OF_THE_GOAL if one in takers}, few(2, 8), warm=0,
                             commands=commands)
            for one, values in more.items():
                samples[one] += values
    finally:
        for one, title, _, why in who:
            if samples.get(one):
                medians[one] = results.figure(f"blk.{name}.{one}", f"{words}, {title}",
                                              "operations/s", samples=samples[one], better="more",
                                              command=commands[one])
            elif why:
                results.not_measured(f"blk.{name}.{one}", f"{words}, {title}", "operations/s", why)
    results.group("bars", words, [f"blk.{name}.{one}" for one in medians],
                  over=over(medians, f"blk.{name}.{{}}".format))
    return medians


def measure_disks(results):
    who = systems()
    if not results.wanted():
        who = [one for one in who if one[0] in OF_THE_GOAL]
    reasons = need_one([why for _, _, _, why in who])
    with disk_file() as disk:
        for load in LOADS:
            if load[0] != THE_GOALS and not results.wanted():
                continue
            if QUICK and load[0] not in QUICK_LOADS:
                measure_load(results, disk, load, [(*one[:3], one[3] or "QUICK=1") for one in who])
                continue
            medians = measure_load(results, disk, load, who)
            if load[0] != THE_GOALS:
                continue
            if set(OF_THE_GOAL) <= set(medians):
                results.reach("blk.randread_over_host", medians["native"] / medians["host"])
            else:
                results.goals["blk.randread_over_host"].reason = reasons


PARTS = (Part("disks", "disks, beside the host's fio and a Linux guest", measure_disks, 420, 26,
              ("blk.randread_over_host",), 25),)
