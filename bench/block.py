# SPDX-License-Identifier: BSD-2-Clause
"""Disks: random and sequential transfers of a file's blocks, by guests and by the host's own fio on the
same file, which lies in the host's page cache for none of them when a measurement begins."""
import contextlib
import json
import os

import boot
import linux
from harness import BUILD, CORACLE, app, folder
from host import Part, need_kvm, need_program
from measure import CommandFailed, alternate, few, run

DISK_BYTES = few(256 << 20, 1 << 30)
# name, words, read or write, random or sequential, bytes of a block, requests on their way
LOADS = (("randread1", "4 KiB random reads, one at a time", "read", "random", 4096, 1),
         ("randread32", "4 KiB random reads, 32 on their way", "read", "random", 4096, 32),
         ("randwrite1", "4 KiB random writes, one at a time", "write", "random", 4096, 1),
         ("randwrite32", "4 KiB random writes, 32 on their way", "write", "random", 4096, 32),
         ("seqread1", "128 KiB sequential reads, one at a time", "read", "sequential", 131072, 1),
         ("seqread32", "128 KiB sequential reads, 32 on their way", "read", "sequential", 131072, 32))


def forget(path):
    """Puts the file's changes on the disk and drops its pages from the host's cache."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def seconds():
    return few(1, 5)


def of_guest(hypervisor, disk, load):
    _, _, what, how, block, depth = load
    forget(disk)
    return float(run([CORACLE, "run", "--on", hypervisor, "--blk", disk, BUILD / "bench" / "blockio",
                      "/dev/blk0", what, how, block, depth, seconds()]))


def of_fio(disk, load):
    _, _, what, how, block, depth = load
    forget(disk)
    said = run(["fio", "--name=x", f"--filename={disk}", "--output-format=json", "--ioengine=psync",
                "--thread", f"--numjobs={depth}", "--group_reporting", f"--bs={block}",
                f"--rw={'rand' if how == 'random' else ''}{what}", "--time_based", "--norandommap",
                f"--runtime={seconds()}", f"--size={DISK_BYTES}", "--fallocate=none", "--invalidate=0",
                *([f"--offset_increment={DISK_BYTES // depth}"] if how != "random" else [])])
    return json.loads(said)["jobs"][0][what]["iops"]


def of_linux(disk, load):
    """The same program in a Linux guest on q35, with the disk that ours had there."""
    _, _, what, how, block, depth = load
    forget(disk)
    with folder() as work:
        archive = work / "initramfs"
        linux.initramfs(archive, f"echo result $(blockio /dev/vda {what} {how} {block} {depth} "
                                 f"{seconds()})\n")
        words = boot.qemu_command(work, [CORACLE, "run", "--on", "q35", "--blk", str(disk),
                                         app("hello")])
        said = run(linux.qemu_words(words, archive))
    found = [line for line in said.splitlines() if line.startswith("result ")]
    if not found:
        raise CommandFailed(["blockio", "in Linux"], 1, said)
    return float(found[0].split()[1])


@contextlib.contextmanager
def disk_file():
    """A file without holes beside what is built, which is a disk of the kind people have."""
    path = BUILD / "bench" / f"disk-{os.getpid()}"
    try:
        with open(path, "wb") as file:
            for _ in range(DISK_BYTES >> 20):
                file.write(os.urandom(1 << 20))
        yield path
    finally:
        path.unlink(missing_ok=True)


def measure_disks(results):
    need_kvm()
    need_program("fio")
    with disk_file() as disk:
        for load in LOADS:
            name, words = load[0], load[1]
            takers = {"native": lambda: of_guest("native", disk, load),
                      "host": lambda: of_fio(disk, load), "q35": lambda: of_guest("q35", disk, load),
                      "linux-q35": lambda: of_linux(disk, load)}
            titles = {"native": "native", "host": "the host's fio", "q35": "q35",
                      "linux-q35": "Linux on q35"}
            samples = alternate(takers, few(1, 3), warm=0)
            medians = {who: results.figure(f"blk.{name}.{who}", f"{words}, {titles[who]}", "operations/s",
                                           samples=samples[who], better="more") for who in takers}
            results.group("bars", words, [f"blk.{name}.{who}" for who in takers])
            if name == "randread32":
                results.reach("blk.randread_over_host", medians["native"] / medians["host"])


PARTS = (Part("disks", "disks, beside the host's fio and a Linux guest", measure_disks, 420, 90,
              ("blk.randread_over_host",)),)
