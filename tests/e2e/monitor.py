# SPDX-License-Identifier: BSD-2-Clause
"""The monitor as its host sees it: what it gave up before the guest ran, what it shares between VMs,
and what it says when the files under it change."""
import os
import pathlib
import shutil
import signal
import subprocess
import time

from harness import (CORACLE, PATIENCE, Machine, check, contains, equal, folder, free_port, guest,
                     run)


def threads(pid):
    """/proc/PID/task/TID/status of each thread, as dictionaries. KVM adds a thread of the host's
    kernel to the process; it runs none of our code and is left out."""
    result = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if "kvm" in (task / "comm").read_text():
            continue
        lines = (task / "status").read_text().splitlines()
        result.append({key: value.strip() for key, value in (line.split(":", 1) for line in lines)})
    return result


def check_sandbox(pid, least_threads):
    found = threads(pid)
    check(len(found) >= least_threads, f"{len(found)} threads")
    for thread in found:
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            equal(int(thread[name], 16), 0, name)
        if os.geteuid() == 0:
            equal(int(thread["CapBnd"], 16), 0, "CapBnd")
        equal(thread["NoNewPrivs"], "1", "NoNewPrivs")
        equal(thread["Seccomp"], "2", "Seccomp")
        check("0" not in thread["Uid"].split(), f"user {thread['Uid']}")


def test_privileges_are_gone():
    """With and without devices, whose threads are made before and after the filter closes."""
    with folder() as work:
        disk = work / "disk"
        disk.write_bytes(b"\0" * 4096)
        for options, least in (((), 1), (("--blk", disk), 2),
                               (("--net", f"user,{free_port()}:80"), 2)):
            with Machine(*options, guest("sleep_forever")) as machine:
                machine.wait_line("asleep", "out")
                check_sandbox(machine.process.pid, least)
                machine.end()


def test_text_is_shared():
    """The image's text and constants are the file's own pages."""
    with Machine(guest("sleep_forever")) as machine:
        machine.wait_line("asleep", "out")
        smaps = pathlib.Path(f"/proc/{machine.process.pid}/smaps").read_text()
        machine.end()
    mapping, shared = None, 0
    for line in smaps.splitlines():
        if line.split()[0].count("-") == 1 and ":" not in line.split()[0]:
            mapping = line
        elif mapping and "sleep_forever" in mapping and line.startswith("Rss:"):
            shared += int(line.split()[1])
        elif mapping and "sleep_forever" in mapping and line.startswith("Private_Dirty:"):
            equal(int(line.split()[1]), 0, f"private pages of {mapping}")
        if mapping and "sleep_forever" in mapping:
            check("w" not in mapping.split()[1], f"writable on the host: {mapping}")
    check(shared > 0, "no page of the image is mapped")


def test_image_truncated_while_it_runs():
    with folder() as work:
        image = work / "image"
        shutil.copy(guest("spin_forever"), image)
        with Machine("--timeout", str(PATIENCE), image) as machine:
            machine.wait_line("spinning", "out")
            os.truncate(image, 0)
            equal(machine.wait(), 125, f"status ({machine.lines})")
            contains(machine.text(), "truncated", "standard error")


def test_image_replaced_while_it_runs():
    """The usual way to update a file leaves running VMs alone."""
    with folder() as work:
        image, other = work / "image", work / "other"
        shutil.copy(guest("sleep_forever"), image)
        other.write_text("something else")
        with Machine(image) as machine:
            machine.wait_line("asleep", "out")
            os.replace(other, image)
            equal(machine.end(), 143, f"status ({machine.lines})")


def test_stop_while_output_is_stuck():
    """A reader that has stopped reading does not keep the VM alive."""
    for how, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        read, write = os.pipe()
        try:
            process = subprocess.Popen([CORACLE, "run", guest("write_endless")], stdout=write,
                                       stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
            os.close(write)
            os.read(read, 1)  # it runs, and will fill the pipe
            time.sleep(0.2)
            process.send_signal(how)
            equal(process.wait(timeout=PATIENCE), status, how.name)
        finally:
            os.close(read)


def test_closed_descriptors():
    """Started without any of the three standard descriptors."""
    with folder() as work:
        process = subprocess.run(["sh", "-c", f"exec {CORACLE} run --timeout 1 --stats stats "
                                  f"{guest('sleep_forever')} <&- >&- 2>&-"], cwd=work,
                                 timeout=PATIENCE, check=False)
        equal(process.returncode, 124, "status")
        contains((work / "stats").read_text(), '"cause":"timeout"', "statistics")


def test_user_network_without_its_twin():
    """coracle-user is missing: one line that names it."""
    with folder() as work:
        shutil.copy(CORACLE, work / "coracle")
        process = subprocess.run([work / "coracle", "run", "--net", "user", guest("sleep_forever")],
                                 stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                 timeout=PATIENCE, check=False)
        equal(process.returncode, 2, "status")
        contains(process.stderr, "coracle-user: No such file", "standard error")
        equal(len(process.stderr.splitlines()), 1, "lines")


def test_instructions_beyond_ring_3():
    """Each ends the VM with a crash report that finds the function; none harms the monitor."""
    names = run([CORACLE, "run", guest("instructions")]).out.split()[:-1]
    check(len(names) > 20, f"names {names}")
    for name in names:
        result = run([CORACLE, "run", guest("instructions"), name])
        equal(result.status, 134, f"{name}: status ({result.err})")
        equal(result.out, "", f"{name}: standard output")
        contains(result.err, ": crash: ", name)
        if name not in ("iretq", "bad_stack", "jump_high"):
            contains(result.err, f"do_{name}+0x", name)
