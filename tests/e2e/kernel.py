# SPDX-License-Identifier: BSD-2-Clause
"""What only the host can see of the kernel: that runs differ where they must, and that sleep is
sleep."""
import pathlib
import time

from harness import Machine, check, coracle, equal, guest


def test_canaries_differ():
    """The stack canary is another one in each run."""
    digests = set()
    for _ in range(4):
        result = coracle(guest("canary_random"))
        equal(result.status, 0, f"status ({result.err})")
        digests.add(result.out.splitlines()[0])
    equal(len(digests), 4, f"different canaries among {digests}")


def wake_ups(pid):
    """How often the threads of a process went to sleep so far."""
    total = 0
    for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
        for line in status.read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                total += int(line.split()[1])
    return total


def test_sleep_is_sleep():
    """Once all threads of a guest sleep, not one wake-up in two seconds."""
    for name in ("sleep_forever", "threads_asleep"):
        with Machine(guest(name)) as machine:
            machine.wait_line("asleep", "out")
            # What was armed before may fire once more: a quiet pair of seconds must come.
            counts = [wake_ups(machine.process.pid)]
            while len(counts) < 2 or counts[-1] != counts[-2]:
                check(len(counts) < 10, f"{name} never rests: {counts}")
                time.sleep(2)
                counts.append(wake_ups(machine.process.pid))
