# SPDX-License-Identifier: BSD-2-Clause
"""Block devices from the outside: what a guest reads and writes is what the file holds, and a disk
that shrinks, fills up or is no tar file is said in one line and survived."""
import json
import os
import random
import subprocess

from harness import (CORACLE, QEMU_SCSI, Machine, check, contains, coracle, equal, folder, guest,
                     make_tar, needs_root, run, user_error)

HYPERVISORS = ("native", "microvm", "q35", "q35-scsi")


def run_on(hypervisor, *arguments):
    """With -scsi its disks are those of a virtio-scsi controller."""
    machine, _, scsi = hypervisor.partition("-")
    environment = {**os.environ, "CORACLE_QEMU": QEMU_SCSI} if scsi else None
    return coracle("--on", machine, *arguments, env=environment)


def test_raw_copy():
    """blkcopy reads blk0 through /dev/blk0 and writes it to blk1."""
    for hypervisor in HYPERVISORS:
        with folder() as work:
            source, target = work / "source", work / "target"
            data = random.Random(1).randbytes(3 * 1024 * 1024 + 512)
            source.write_bytes(data)
            target.write_bytes(b"\0" * len(data))
            result = run_on(hypervisor, "--blk", f"{source},ro", "--blk", target,
                             guest("blkcopy"))
            equal(result.status, 0, f"{hypervisor}: status ({result.err})")
            check(target.read_bytes() == data, f"{hypervisor}: the copy differs")
            check(source.read_bytes() == data, f"{hypervisor}: the read-only source has changed")
    return len(HYPERVISORS)


def test_direct():
    """Past the host's cache: what is aligned and what is not, up to a tail that is no whole block."""
    for hypervisor in ("native", "microvm", "q35"):
        with folder("/var/tmp") as work:  # /tmp may be memory, which has no direct I/O
            source, target = work / "source", work / "target"
            data = random.Random(3).randbytes(1024 * 1024 + 512)
            source.write_bytes(data)
            target.write_bytes(b"\0" * len(data))
            result = run_on(hypervisor, "--blk", f"{source},ro,direct", "--blk", f"{target},direct",
                             guest("blkcopy"))
            equal(result.status, 0, f"{hypervisor}: status ({result.err})")
            check(target.read_bytes() == data, f"{hypervisor}: the copy differs")
    return 3


def test_aligned_reads_go_directly():
    with folder("/var/tmp") as work:
        (work / "disk").write_bytes(bytes(1 << 20))
        result = coracle("--stats", work / "stats", "--blk", f"{work}/disk,direct", guest("blkload"),
                         "4", "100")
        equal(result.status, 0, f"status ({result.err})")
        disk = json.loads((work / "stats").read_text())["devices"][0]
        equal(disk["direct"], 100, "reads past the cache")


def sleeps_saved(disk, *words, before=()):
    result = run([*before, CORACLE, "run", *words, "--blk", f"{disk},ro", guest("blkpolls")])
    equal(result.status, 0, f"status ({result.err})")
    return int(result.out.split()[0])


def test_a_guest_looks_for_answers_if_it_may():
    """Unless it is told not to, or has the host's only CPU."""
    with folder() as work:
        disk = work / "disk"
        disk.write_bytes(bytes(1 << 20))
        # Where others take the CPU from it, a guest gives looking up: in some run it will find an answer.
        check(any(sleeps_saved(disk, "--poll", "100000") for _ in range(200)), "no sleep was saved")
        equal(sleeps_saved(disk, "--poll", "0"), 0, "sleeps saved that must not be")
        one = str(min(os.sched_getaffinity(0)))
        equal(sleeps_saved(disk, before=("taskset", "-c", one)), 0, "sleeps saved on the only CPU")
        user_error(coracle("--on", "q35", "--poll", "9", guest("blkpolls")), "--poll", "--on native")
        user_error(coracle("--poll", "100001", guest("blkpolls")), "--poll 100001", "100000")


def test_direct_is_passed_on_or_refused():
    with folder() as work:
        disk = work / "disk"
        disk.write_bytes(b"x" * 4096)
        result = coracle("--on", "q35", "--print", "--blk", f"{disk},direct", guest("blkcopy"))
        contains(result.out, "cache.direct=on", "QEMU's command")
        result = coracle("--on", "xen-pvh", "--print", "--blk", f"{disk},direct", guest("blkcopy"))
        equal((result.status, len(result.err.splitlines())), (2, 1), f"xl: {result.err}")
        contains(result.err, f"--blk {disk}: ", "the line")
        result = run([CORACLE, "firecracker-config", "--blk", f"{disk},direct", guest("blkcopy")])
        equal((result.status, len(result.err.splitlines())), (2, 1), f"Firecracker: {result.err}")
        contains(result.err, f"--blk {disk}: ", "the line")


def test_tail_is_padded():
    """A file that is no whole number of sectors reads as if zeros followed."""
    with folder() as work:
        source, target = work / "source", work / "target"
        source.write_bytes(b"a" * 1000)
        target.write_bytes(b"\xff" * 1024)
        result = coracle("--blk", f"{source},ro", "--blk", target, guest("blkcopy"))
        equal(result.status, 0, f"status ({result.err})")
        check(target.read_bytes() == b"a" * 1000 + b"\0" * 24, "the copy differs")
        equal(source.stat().st_size, 1000, "size of the source")


def test_read_only_disk():
    for hypervisor in HYPERVISORS:
        with folder() as work:
            disk = work / "disk"
            disk.write_bytes(b"x" * 4096)
            result = run_on(hypervisor, "--blk", f"{disk},ro", "--blk", f"{disk},ro",
                             guest("blkcopy"))
            equal(result.status, 3, f"{hypervisor}: status ({result.err})")
            contains(result.err, "Read-only file system", f"{hypervisor}: standard error")
            check(disk.read_bytes() == b"x" * 4096, f"{hypervisor}: the disk has changed")
    return len(HYPERVISORS)


def test_disk_shrinks_while_in_use():
    with folder() as work:
        disk = work / "disk"
        disk.write_bytes(b"y" * 1024 * 1024)
        with Machine("--blk", disk, guest("blkwatch"), stdin=subprocess.PIPE) as machine:
            machine.wait_line("first pass: 0 errors", "out")
            os.truncate(disk, 64 * 1024)
            machine.process.stdin.write(b"again\n")
            machine.process.stdin.flush()
            line = machine.wait_line("second pass:", "out")
            check("second pass: 0 errors" not in line, "reading what is gone went well")
            machine.process.stdin.close()
            equal(machine.wait(), 0, f"status ({machine.lines})")
            said = [line for line in machine.lines["err"] if "disk" in line]
            equal(len(said), 1, f"lines about the disk {machine.lines['err']}")


def test_full_disk_under_a_writing_guest():
    """The guest learns of it and goes on; on native the monitor says it too, in one line."""
    needs_root()
    for hypervisor in HYPERVISORS:
        with folder() as work:
            small = work / "small"
            small.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M", "none", str(small)], check=True)
            try:
                fill(hypervisor, small / "disk")
            finally:
                subprocess.run(["umount", str(small)], check=True)
    return len(HYPERVISORS)


def fill(hypervisor, disk):
    with open(disk, "wb") as file:
        file.truncate(4 * 1024 * 1024)
    result = run_on(hypervisor, "--blk", disk, guest("blkfill"))
    equal(result.status, 0, f"{hypervisor}: status ({result.err})")
    contains(result.out, "write error: ", f"{hypervisor}: standard output")
    equal(len([line for line in result.err.splitlines() if "disk" in line]),
          1 if hypervisor == "native" else 0, f"{hypervisor}: lines about it {result.err!r}")
    # What the guest was told is written is there.
    written = int(result.out.split("written: ")[1].split()[0])
    data = disk.read_bytes()[:written]
    check(written > 0 and data == b"f" * written, f"{hypervisor}: what was written is not there")


def listing(folder_):
    """What the guest program `tree` should print of a folder."""
    lines = []
    for path in sorted(folder_.rglob("*")):
        name = "/" + str(path.relative_to(folder_))
        if path.is_symlink():
            lines.append(f"l {name} {os.readlink(path)}")
        elif path.is_dir():
            lines.append(f"d {name}")
        else:
            data = path.read_bytes()
            lines.append(f"f {name} {len(data)} {checksum(data):08x}")
    return sorted(lines)


def checksum(data):
    """Fletcher-32 over bytes, as tests/guest/tree.c computes it."""
    low = high = 0
    for byte in data:
        low = (low + byte) % 65535
        high = (high + low) % 65535
    return high << 16 | low


def test_tar_formats():
    """A tree of files of many sizes, with links and long names, in every format of tar."""
    generator = random.Random(2)
    with folder() as work:
        tree = work / "tree"
        (tree / "deep" / "er").mkdir(parents=True)
        for size in (0, 1, 511, 512, 513, 4096, 70000, 300001):
            (tree / f"size-{size}").write_bytes(generator.randbytes(size))
        (tree / "deep" / "er" / "file").write_text("contents\n")
        (tree / "link").symlink_to("deep/er/file")
        (tree / "to-directory").symlink_to("deep")
        long = tree / ("long-" * 18) / ("name-" * 20)
        long.mkdir(parents=True)
        (long / "file").write_text("far away\n")
        os.link(tree / "size-513", tree / "hard")
        for tar_format in ("gnu", "pax", "oldgnu"):
            disk = work / f"{tar_format}.tar"
            make_tar(tree, disk, f"--format={tar_format}")
            for hypervisor in HYPERVISORS:
                what = f"{tar_format} on {hypervisor}"
                result = run_on(hypervisor, "--blk", f"{disk},ro", guest("tree"))
                equal(result.status, 0, f"{what}: status ({result.err})")
                equal(sorted(result.out.splitlines()), listing(tree), f"{what}: the tree")


def test_sparse_member_is_refused_by_name():
    with folder() as work:
        tree = work / "tree"
        tree.mkdir()
        with open(tree / "holes", "wb") as file:
            file.truncate(10 * 1024 * 1024)
        (tree / "whole").write_text("text\n")
        make_tar(tree, work / "disk.tar", "--sparse")
        result = coracle("--blk", work / "disk.tar", guest("tree"))
        equal(result.status, 0, f"status ({result.err})")
        contains(result.err, "holes", "standard error")
        contains(result.err, "sparse", "standard error")
        contains(result.out, "/whole", "standard output")


def test_disk_that_is_no_tar_file():
    with folder() as work:
        (work / "disk").write_bytes(b"nonsense" * 1000)
        result = coracle("--blk", work / "disk", guest("tree"))
        equal(result.status, 0, f"status ({result.err})")
        contains(result.err, "blk0: no tar file", "standard error")
        equal(result.out, "", "the tree")
