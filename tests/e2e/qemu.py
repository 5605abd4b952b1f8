# SPDX-License-Identifier: BSD-2-Clause
"""The launchers: what QEMU is started with, and how its end becomes a status. Most tests put a script
in QEMU's place, which says and does what a guest, or a QEMU that fails, would."""
import contextlib
import json
import os
import pathlib
import select
import shlex
import signal
import socket
import subprocess
import time

from harness import (CORACLE, PATIENCE, Machine, app, check, contains, coracle, equal, folder,
                     free_port, guest, one_line, run, user_error)

MACHINES = ("microvm", "q35", "pc")

# The channels as the guest has them.
PRELUDE = """#!/bin/sh
out() { printf "$@" >/dev/fd/3; }
err() { printf "$@" >/dev/fd/4; }
log() { printf "$@" >/dev/fd/5; }
"""


@contextlib.contextmanager
def fake_qemu(script):
    """An environment whose qemu-system-x86_64 is `script`."""
    with folder() as work:
        program = work / "qemu-system-x86_64"
        program.write_text(PRELUDE + script)
        program.chmod(0o755)
        environment = {key: value for key, value in os.environ.items() if key != "CORACLE_QEMU"}
        environment["PATH"] = f"{work}:{os.environ['PATH']}"
        yield work, environment


def words_of(*options, machine="microvm", **more):
    result = coracle("--on", machine, "--print", *options, **more)
    equal(result.status, 0, f"status ({result.err})")
    equal(result.err, "", "standard error")
    equal(len(result.out.splitlines()), 1, "lines")
    return shlex.split(result.out)


def after(words, option, count=0):
    """The value of the count-th `option`."""
    places = [at for at, word in enumerate(words) if word == option]
    check(len(places) > count, f"{option} is not in {words}")
    return words[places[count] + 1]


def test_print():
    for machine in MACHINES:
        words = words_of("--mem", "7M", app("hello"), "a b", "it's", machine=machine)
        equal(os.path.basename(words[0]), "qemu-system-x86_64", "the program")
        equal(after(words, "-kernel"), app("hello"), "the image, as it is")
        check(after(words, "-machine").split(",")[0] == machine, "the machine")
        equal(after(words, "-m"), f"{8 * 1024}k", "memory, with the first MiB")
        equal(after(words, "-append"), f'name={app("hello")} -- "a b" it\'s', "-append")
        for word in ("-nodefaults", "-no-user-config", "-no-reboot"):
            check(word in words, word)


def test_print_devices():
    with folder() as work:
        disk = work / "a,b c"
        disk.write_bytes(b"\0" * 512)
        port = free_port()
        options = ("--blk", f"{disk},ro", "--net", f"user,{port}:80", "--blk", "/dev/null",
                   "--env", "A=1")
        result = coracle("--on", "q35", "--print", *options, app("hello"))
        user_error(result, "/dev/null")
        options = options[:4] + options[6:]
        words = words_of(*options, app("hello"))
        equal(after(words, "-append"), f'name={app("hello")} env.A=1 '
              "net0=10.0.2.15/24,10.0.2.2,10.0.2.3 virtio_mmio.device=512@0xfeb00000:5 "
              "virtio_mmio.device=512@0xfeb00200:6", "-append")
        contains(after(words, "-blockdev"), str(disk).replace(",", ",,"), "the disk's name")
        contains(after(words, "-blockdev"), "read-only=on", "the disk")
        contains(after(words, "-netdev"), f"hostfwd=tcp:127.0.0.1:{port}-:80", "the forward")
        words = words_of(*options, app("hello"), machine="pc")
        check("virtio_mmio" not in after(words, "-append"), "PCI devices on the command line")
        check(any(word.startswith("virtio-blk-pci") for word in words), "virtio-blk-pci")
        check(any(word.startswith("virtio-net-pci") for word in words), "virtio-net-pci")


def test_rng():
    """Only who asks for it has the device, once; it takes one of microvm's places."""
    check(not any("rng" in word for word in words_of(app("hello"))), "virtio-rng unasked for")
    words = words_of("--rng", "--rng", "--net", "user", app("hello"))
    equal([word for word in words if "rng" in word], ["virtio-rng-device,bus=virtio-mmio-bus.0"],
          "the device")
    equal(after(words, "-append").count("virtio_mmio.device="), 2, "devices on the command line")
    equal(after(words, "-append").count(" net0="), 1, "networks on the command line")
    check("virtio-rng-pci,disable-legacy=on" in words_of("--rng", app("hello"), machine="q35"),
          "virtio-rng-pci")
    equal(coracle("--rng", app("hello")).status, 0, "--rng on the native interface")
    user_error(coracle("--rng=yes", app("hello")), "--rng")


def test_printed_line_runs():
    """A shell runs the printed line as it is."""
    with fake_qemu('for word; do printf "%s\\n" "$word"; done\n') as (_, environment):
        line = coracle("--on", "microvm", "--print", app("hello"), "$HOME 'x' \"y\\").out
        result = run(["sh", "-c", line], env=environment)
    equal(result.out.splitlines(), shlex.split(line)[1:], "the words")
    contains(result.out, '-- "$HOME \'x\' \\"y\\\\"', "the arguments")


def test_accelerators():
    for name in ("kvm", "tcg"):
        equal(after(words_of("--accel", name, app("hello")), "-accel"), name, "-accel")
    user_error(coracle("--accel", "hvf", app("hello")), "--accel", "hvf")
    flags = pathlib.Path("/proc/cpuinfo").read_text().split()
    if "vmx" not in flags and "svm" not in flags:
        equal(after(words_of(app("hello")), "-accel"), "tcg", "-accel without VMX and SVM")


def test_native_prints_nothing():
    user_error(coracle("--on", "native", "--print", app("hello")), "--print")
    user_error(coracle("--on", "native", "--accel", "tcg", app("hello")), "--accel")


def test_other_program():
    """CORACLE_QEMU names another QEMU."""
    environment = dict(os.environ, CORACLE_QEMU="/opt/other qemu")
    equal(words_of(app("hello"), env=environment)[0], "/opt/other qemu", "the program")
    result = coracle("--on", "pc", app("hello"), env=environment)
    equal(result.status, 125, "status")
    one_line(result, "/opt/other qemu", "No such file")


def test_no_qemu():
    environment = {key: value for key, value in os.environ.items() if key != "CORACLE_QEMU"}
    environment["PATH"] = "/nowhere"
    result = coracle("--on", "microvm", app("hello"), env=environment)
    equal(result.status, 125, f"status ({result.err})")
    one_line(result, "qemu-system-x86_64", "not found")


def test_qemu_fails():
    """What QEMU says, in one line of ours; its death by a signal; silence."""
    for script, part in (("echo 'qemu-system-x86_64: no such machine' >&2; exit 1", "no such machine"),
                         ("kill -SEGV $$", "signal 11"), ("exit 1", "status 1")):
        with fake_qemu(script) as (work, environment):
            result = coracle("--on", "q35", "--stats", work / "stats", app("hello"),
                             env=environment)
            equal(result.status, 125, f"status of {script}")
            one_line(result, part)
            equal(json.loads((work / "stats").read_text())["cause"], "monitor", "cause")


def test_status():
    """All eight bits by the log; without it seven by QEMU's status."""
    for status in (0, 1, 7, 124, 134, 255):
        with fake_qemu(f"log '\\001coracle-exit {status}\\n'; exit {(2 * status + 1) % 256}") as (
                work, environment):
            result = coracle("--on", "microvm", "--stats", work / "stats", app("hello"),
                             env=environment)
            equal((result.status, result.out, result.err), (status, "", ""), "the end")
            stats = json.loads((work / "stats").read_text())
            equal((stats["cause"], stats["status"], stats["on"]), ("exit", status, "microvm"),
                  "statistics")
    with fake_qemu("exit 11") as (_, environment):
        equal(coracle("--on", "pc", app("hello"), env=environment).status, 5, "status")


def test_reset():
    """A machine that is switched off or reset without a status has crashed."""
    with fake_qemu("exit 0") as (work, environment):
        result = coracle("--on", "microvm", "--stats", work / "stats", app("hello"),
                         env=environment)
        equal(result.status, 134, "status")
        one_line(result, "without a status")
        equal(json.loads((work / "stats").read_text())["cause"], "crash", "cause")


def test_channels():
    """Three channels, two streams; nothing is lost when there is much of it."""
    script = ("err 'error\\n'; log 'notice\\n'; dd if=/dev/zero bs=65536 count=64 status=none "
              "| tr '\\0' x >/dev/fd/3; out 'end'; log '\\001coracle-exit 0\\n'; exit 1")
    with fake_qemu(script) as (work, environment):
        result = coracle("--on", "microvm", "--stats", work / "stats", app("hello"),
                         env=environment)
        equal(result.status, 0, f"status ({result.err})")
        equal(sorted(result.err.splitlines()), ["error", "notice"], "standard error")
        check(result.out == "x" * 64 * 65536 + "end", "standard output")
        written = json.loads((work / "stats").read_text())["written_bytes"]
        equal(written["stdout"], 64 * 65536 + 3, "bytes on standard output")


def test_crash_report_gets_names():
    symbols = run(["nm", app("hello")]).out.split()
    main = symbols[symbols.index("main") - 2]
    script = f"""log 'crash: page fault: read from 0x0 (NULL page)\\nbacktrace:\\n  at 0x{main}\\n'
log '  by 0x{int(main, 16) + 1:x}\\n\\001coracle-exit 134\\n'
exit 13"""
    with fake_qemu(script) as (work, environment):
        result = coracle("--on", "microvm", "--stats", work / "stats", app("hello"),
                         env=environment)
        equal(result.status, 134, "status")
        equal(json.loads((work / "stats").read_text())["cause"], "crash", "cause")
        contains(result.err, f"coracle: {app('hello')}: crash: page fault: read from 0x0", "report")
        contains(result.err, f"  at 0x{main} main+0x0\n", "the report")
        contains(result.err, " main+0x1\n", "the report")


SLEEPER = """echo $$ >"$PIDFILE.new"; mv "$PIDFILE.new" "$PIDFILE"
out 'asleep\\n'
exec sleep 1000
"""


@contextlib.contextmanager
def sleeper():
    """A QEMU that sleeps; yields its environment and a function that awaits its end."""
    with fake_qemu(SLEEPER) as (work, environment):
        environment["PIDFILE"] = str(work / "pid")

        def gone():
            pid = int((work / "pid").read_text())
            end = time.monotonic() + PATIENCE
            while os.path.exists(f"/proc/{pid}"):
                check(time.monotonic() < end, f"the child {pid} outlives the command")
                time.sleep(0.01)
        yield environment, gone


def test_time_out():
    with sleeper() as (environment, gone), folder() as work:
        result = coracle("--on", "microvm", "--timeout", "0.5", "--stats", work / "stats",
                         app("hello"), env=environment)
        equal((result.status, result.out, result.err), (124, "asleep\n", ""), "the end")
        equal(json.loads((work / "stats").read_text())["cause"], "timeout", "cause")
        gone()


def test_signals():
    for how, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        with sleeper() as (environment, gone):
            with Machine("--on", "q35", app("hello"), env=environment) as machine:
                machine.wait_line("asleep", "out")
                equal(machine.end(how), status, how.name)
                equal(machine.text(), "", "standard error")
            gone()


def test_killed():
    """Even SIGKILL leaves no QEMU behind."""
    with sleeper() as (environment, gone):
        with Machine("--on", "microvm", app("hello"), env=environment) as machine:
            machine.wait_line("asleep", "out")
            machine.end(signal.SIGKILL)
        gone()


def test_killed_qemu():
    """Somebody else ends the real QEMU: one line and the status of a hypervisor that failed."""
    with folder() as work:
        with Machine("--on", "microvm", "--stats", work / "stats", guest("sleep_forever")) as machine:
            machine.wait_line("asleep", "out")
            os.kill(int(run(["ps", "--ppid", str(machine.process.pid), "-o", "pid="]).out),
                    signal.SIGKILL)
            equal(machine.wait(), 125, "status")
            equal(machine.text(), "coracle: QEMU was ended by signal 9", "standard error")
        equal(json.loads((work / "stats").read_text())["cause"], "monitor", "cause")


def test_reader_that_does_not_read():
    """A full pipe behind standard output delays no signal."""
    with fake_qemu("while :; do out '%01000d' 0; done") as (_, environment):
        read, write = os.pipe()
        with subprocess.Popen([CORACLE, "run", "--on", "microvm", app("hello")], stdout=write,
                              env=environment) as process:
            os.close(write)
            time.sleep(1)
            process.terminate()
            equal(process.wait(timeout=PATIENCE), 143, "status")
        os.close(read)


def test_closed_standard_output():
    with fake_qemu("for i in 1 2 3 4; do out '%0100000d' 0; done; log '\\001coracle-exit 3\\n'"
                   ) as (_, environment):
        read, write = os.pipe()
        os.close(read)
        result = subprocess.run([CORACLE, "run", "--on", "microvm", app("hello")], stdout=write,
                                env=environment, timeout=PATIENCE, check=False)
        os.close(write)
    equal(result.returncode, 3, "status")


def test_mistakes():
    """The same values are mistakes as on the native interface."""
    with socket.socket() as other, folder() as work:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        disk = work / "disk"
        disk.write_bytes(b"\0" * 512)
        port = free_port()
        for options, parts in (
                (("--blk", "/nowhere/disk"), ("--blk", "/nowhere/disk", "No such file")),
                (("--blk", work), ("--blk", str(work))),
                (("--net", f"user,{taken}:80"), ("--net", str(taken), "in use")),
                (("--net", f"user,{port}:80,{port}:81"), ("--net", str(port), "in use")),
                (("--net", "user,80"), ("--net", "HOST:GUEST")),
                (("--net", "user,1:2,"), ("--net", "HOST:GUEST")),
                (("--net", "user,0:80"), ("--net", "HOST:GUEST")),
                (("--net", "tap:nosuchtap0"), ("--net", "nosuchtap0")),
                (("--net", "tap:lo"), ("--net", "lo")),
                (("--mem", "16K"), ("--mem", "needs at least")),
                (("--env", "A=" + "x" * 5000), ("4096",)),
                (("--stats", "/nowhere/stats"), ("--stats", "/nowhere/stats")),
                (("--blk", f"{disk},ro") * 9, ("microvm", "9 devices"))):
            user_error(coracle("--on", "microvm", *options, app("hello")), *parts)
        user_error(coracle("--on", "q35", work / "nothing"), "nothing", "No such file")
        user_error(coracle("--on", "q35", disk), "not an ELF")


def test_machines():
    """The real QEMU: the end by the program, by its crash, by the time, by signals."""
    for machine in MACHINES:
        with folder() as work:
            for arguments, status, cause in (
                    ([app("hello")], 0, "exit"),
                    (["--timeout", "2", guest("sleep_forever")], 124, "timeout"),
                    (["--timeout", "2", guest("spin_forever")], 124, "timeout"),
                    ([guest("crash_null_read")], 134, "crash")):
                result = coracle("--on", machine, "--stats", work / "stats", *arguments)
                equal(result.status, status, f"{arguments} on {machine} ({result.err})")
                equal(json.loads((work / "stats").read_text())["cause"], cause, "cause")
            contains(result.err, f"coracle: {guest('crash_null_read')}: crash: page fault", machine)
            check(any(line.startswith("  at 0x") and "+0x" in line
                      for line in result.err.splitlines()), f"no names in {result.err}")
        with Machine("--on", machine, guest("sleep_forever")) as running:
            running.wait_line("asleep", "out")
            equal(running.end(signal.SIGTERM), 143, f"SIGTERM on {machine}")


def connected(sockets, seconds):
    """How many of these connecting sockets are connected before so long."""
    count, end = 0, time.monotonic() + seconds
    for connecting in sockets:
        left = max(0, end - time.monotonic())
        count += bool(select.select([], [connecting], [], left)[1])
    return count


def test_burst_of_connections():
    """Many connections at once wait for QEMU to take them, not for a retransmission."""
    ports = free_port(), free_port()
    options = ("--net", f"user,{ports[0]}:80,{ports[1]}:81")
    with Machine("--on", "microvm", *options, guest("sleep_forever")) as machine, \
            contextlib.ExitStack() as stack:
        machine.wait_line("asleep", "out")
        time.sleep(0.1)
        qemu = int(run(["ps", "--ppid", str(machine.process.pid), "-o", "pid="]).out)
        os.kill(qemu, signal.SIGSTOP)  # takes none meanwhile
        sockets = []
        for at in range(40):
            connecting = stack.enter_context(socket.socket())
            connecting.setblocking(False)
            connecting.connect_ex(("127.0.0.1", ports[at % 2]))
            sockets.append(connecting)
        equal(connected(sockets, 0.8), 40, "connections within less than a retransmission")
        os.kill(qemu, signal.SIGCONT)
        equal(machine.end(signal.SIGTERM), 143, "SIGTERM")


def stats_of(work, *arguments):
    result = coracle("--stats", work / "stats", *arguments)
    return result, json.loads((work / "stats").read_text())


def test_statistics():
    """What can be known has the same name as on the native interface; the guest's own counts come
    from a guest that ends by itself."""
    with folder() as work:
        native = stats_of(work, "--on", "native", app("hello"))[1]
        for machine in MACHINES:
            result, stats = stats_of(work, "--on", machine, "--rng", guest("random_device"))
            equal((result.status, result.out), (0, "ok\n"), f"the end on {machine} ({result.err})")
            equal(set(stats) - set(native), {"accel"}, "members that native has not")
            equal(set(native) - set(stats),
                  {"exits", "hypercalls", "events_raised", "wait_ns", "protected_pages",
                   "discarded_pages", "start_to_guest_ns", "doorbell_exits", "devices"},
                  "members that only native has")
            check(stats["kicks"] >= 1 and stats["waits"] >= 1, f"the guest's counts: {stats}")
            check(1 << 20 < stats["memory_peak_bytes"] < 1 << 30, f"memory: {stats}")
            used = stats["cpu_user_ns"] + stats["cpu_system_ns"]
            check(1000000 < used < 4 * stats["start_to_end_ns"], f"CPU time: {stats}")
        stats = stats_of(work, "--on", "microvm", "--timeout", "1", guest("sleep_forever"))[1]
        check("waits" not in stats and stats["cpu_user_ns"] > 0, f"after a time-out: {stats}")
        check("waits" in stats_of(work, "--on", "microvm", guest("crash_null_read"))[1],
              "no counts after a crash")
    check("counters=1" not in after(words_of("--stats", "-", app("hello")), "-append"),
          "nobody reads the counters of --print")


def test_full_disk():
    """Statistics that cannot be written are one line; the program's end stays as it was."""
    for name in ("native", "microvm"):
        result = coracle("--on", name, "--stats", "/dev/full", app("hello"))
        equal((result.status, result.out), (0, "Hello from Coracle\n"), f"the end on {name}")
        equal(result.err, "coracle: --stats /dev/full: No space left on device\n", name)


def test_printed_line_runs_qemu():
    """What --print prints boots as it is; a status N is QEMU's 2N + 1."""
    line = coracle("--on", "microvm", "--print", app("hello")).out
    result = run(["sh", "-c", line])
    equal((result.status, result.out), (1, "Hello from Coracle\n"), f"the end ({result.err})")


def test_two_machines_share_no_disk():
    """A disk that QEMU writes is in use for the native monitor, too, and the other way round."""
    with folder() as work:
        disk = work / "disk"
        disk.write_bytes(b"\0" * 4096)
        for first, second in (("microvm", "native"), ("native", "microvm")):
            with Machine("--on", first, "--blk", disk, guest("sleep_forever")) as running:
                running.wait_line("asleep", "out")
                for spec in (disk, f"{disk},ro"):
                    user_error(coracle("--on", second, "--blk", spec, app("hello")), "--blk", "in use")
                running.end()


def test_machines_share_a_disk_to_read():
    """Who reads a disk meets readers, and keeps writers away, whichever hypervisor has them."""
    with folder() as work:
        disk = work / "disk"
        disk.write_bytes(b"\0" * 4096)
        for first, second in (("microvm", "native"), ("native", "microvm"), ("native", "native")):
            with Machine("--on", first, "--blk", f"{disk},ro", guest("sleep_forever")) as running:
                running.wait_line("asleep", "out")
                both = coracle("--on", second, "--blk", f"{disk},ro", app("hello"))
                equal((both.status, both.out), (0, "Hello from Coracle\n"), f"a second reader ({both.err})")
                user_error(coracle("--on", second, "--blk", disk, app("hello")), "--blk", "in use")
                running.end()
