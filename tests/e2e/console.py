# SPDX-License-Identifier: BSD-2-Clause
"""Consoles other than the launcher's: a guest that has only virtio-console says everything there, on
one port or on several; and standard input, which every machine hands to the guest."""
import os
import pty
import subprocess

from harness import BUILD, CORACLE, PATIENCE, check, contains, equal, folder, guest

MICROVM = "microvm,acpi=off,pic=off,pit=off,rtc=off,isa-serial=off,auto-kernel-cmdline=off"
# The machine's options, and its virtio-serial device.
BARE_MACHINES = (
    (("-M", MICROVM, "-append", "virtio_mmio.device=512@0xfeb00000:5"),
     "virtio-serial-device,bus=virtio-mmio-bus.0"),
    (("-M", MICROVM, "-append", "virtio_mmio.device=512@0xfeb00000:5",
      "-global", "virtio-mmio.force-legacy=off"), "virtio-serial-device,bus=virtio-mmio-bus.0"),
    (("-M", "q35"), "virtio-serial-pci,disable-legacy=on"),
    (("-M", "q35"), "virtio-serial-pci,disable-modern=on"),
    (("-M", "q35"), "virtio-serial-pci,vectors=0"),
    (("-M", "pc"), "virtio-serial-pci"),
)
MACHINES = ("microvm", "q35", "pc")
NAMES = ("coracle.stderr", "coracle.log")


def on_ports(machine, serial, image, ports):
    """QEMU's status, and what came out of each port's file."""
    with folder() as work:
        words = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", *machine, "-nodefaults",
                 "-no-user-config", "-no-reboot", "-display", "none", "-serial", "none", "-m", "64M",
                 "-device", "isa-debug-exit,iobase=0x501", "-kernel", image, "-device", serial]
        for index, port in enumerate(ports):
            words += ["-chardev", f"file,id=c{index},path={work}/{index}", "-device",
                      f"{port},chardev=c{index}"]
        result = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, check=False)
        equal(result.stdout, "", f"QEMU's words with {serial}")
        return result.returncode, [(work / str(index)).read_text() for index in range(len(ports))]


def test_one_port():
    """Standard output, standard error and the log, all in one place; also on a device that has room
    for no other port."""
    for machine, serial in BARE_MACHINES:
        for more in ("", ",max_ports=1"):
            status, (text,) = on_ports(machine, serial + more, guest("stdio"), ["virtconsole"])
            equal(status, 1, f"status with {serial}{more} ({text})")
            contains(text, "first 1\nsecond 2\nno newline, flushed\n", serial)
            contains(text, "to standard error 3\n", serial)
            check(text.endswith("ok\n"), f"the end with {serial}: {text}")
            status, (text,) = on_ports(machine, serial + more, guest("crash_null_read"),
                                       ["virtconsole"])
            equal(status, 134 << 1 & 0xff | 1, f"status of a crash with {serial}{more}")
            contains(text, "crash: page fault: read from 0x", serial)
            contains(text, "backtrace:\n  at 0x", serial)


def test_three_ports():
    ports = ["virtconsole"] + [f"virtserialport,name={name}" for name in NAMES]
    for machine, serial in BARE_MACHINES:
        status, (out, err, log) = on_ports(machine, serial, guest("stdio"), ports)
        equal(status, 1, f"status with {serial} ({log})")
        equal(out, "first 1\nsecond 2\nno newline, flushed\nok\n", f"{serial}: standard output")
        equal(err, "to standard error 3\n", f"{serial}: standard error")
        status, (out, err, log) = on_ports(machine, serial, guest("crash_null_read"), ports)
        contains(log, "crash: page fault: read from 0x", f"{serial}: the log")
        contains(log, "\001coracle-exit ", f"{serial}: the log")
        check("crash" not in out + err, f"{serial}: {out}{err}")


def test_early_words():
    """What is said before the device is found comes out behind it."""
    for machine, serial in BARE_MACHINES:
        machine = [word + " net0=nonsense" if word.startswith("virtio_mmio") else word
                   for word in machine]
        if "-append" not in machine:
            machine += ["-append", "net0=nonsense"]
        status, (text,) = on_ports(machine, serial, guest("stdio"), ["virtconsole"])
        equal(status, 1, f"status with {serial} ({text})")
        check(text.startswith("boot: net0=: not"), f"{serial}: {text}")


def test_many_ports():
    """Other people's ports are left alone, and ports behind the fourth."""
    ports = (["virtserialport,name=org.qemu.guest_agent.0", "virtconsole"]
             + [f"virtserialport,name=other.{index}" for index in range(20)])
    machine, serial = BARE_MACHINES[2]
    status, texts = on_ports(machine, serial, guest("stdio"), ports)
    equal(status, 1, f"status ({texts})")
    check(texts[1].endswith("ok\n"), f"the console: {texts}")
    equal("".join(texts[:1] + texts[2:]), "", "other ports")


def cat(machine, stdin, *before):
    result = subprocess.run([CORACLE, "run", "--on", machine, "--timeout", str(PATIENCE), *before,
                             guest("cat")], stdin=stdin, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, timeout=2 * PATIENCE, check=False)
    equal(result.returncode, 0, f"status on {machine} ({result.stderr})")
    return result.stdout


def test_input():
    """A pipe, with pauses; a file; a closed descriptor. The end of each is the end of the input."""
    numbers = "".join(f"{number}\n" for number in range(20000)).encode()
    for machine in ("native", *MACHINES):
        with subprocess.Popen(["sh", "-c", "echo one; sleep 0.2; echo two; sleep 0.2; printf three"],
                              stdout=subprocess.PIPE) as talker:
            equal(cat(machine, talker.stdout), b"one\ntwo\nthree", f"a pipe on {machine}")
        with folder() as work:
            (work / "file").write_bytes(numbers)
            with open(work / "file", "rb") as file:
                check(cat(machine, file) == numbers, f"a file on {machine}")
        result = subprocess.run(["sh", "-c", f"exec {CORACLE} run --on {machine} {guest('cat')} <&-"],
                                stdout=subprocess.PIPE, timeout=PATIENCE, check=False)
        equal((result.returncode, result.stdout), (0, b""), f"no standard input on {machine}")


def test_input_that_nobody_reads():
    """It is there for whoever comes next."""
    hello = BUILD / "apps" / "hello"
    for machine in ("native", *MACHINES):
        script = f"{CORACLE} run --on {machine} {hello} && cat"
        for source in ("printf rest |", "printf rest >file; exec <file;"):
            with folder() as work:
                result = subprocess.run(["sh", "-c", f"{source} {{ {script}; }}"], cwd=work,
                                        stdout=subprocess.PIPE, timeout=PATIENCE, check=False)
            equal(result.stdout, b"Hello from Coracle\nrest", f"{source} on {machine}")


def test_terminal():
    """Lines as the terminal has them; its end-of-file character is the end of the input."""
    for machine in ("native", *MACHINES):
        process, terminal = pty.fork()
        if process == 0:
            os.execv(CORACLE, [CORACLE, "run", "--on", machine, "--timeout", str(PATIENCE),
                               guest("cat")])
        os.write(terminal, b"a line\n")
        said = b""
        while said.count(b"a line") < 2:  # its echo, and the guest's
            said += os.read(terminal, 100)
        os.write(terminal, b"\x04")
        equal(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), 0, f"status on {machine}")
        os.close(terminal)


def test_device_for_input():
    """It is there where there is something to read, and takes a place among the devices."""
    for machine in MACHINES:
        for stdin, wanted in ((subprocess.DEVNULL, False), (subprocess.PIPE, True)):
            result = subprocess.run([CORACLE, "run", "--on", machine, "--print", guest("cat")],
                                    stdin=stdin, stdout=subprocess.PIPE, text=True, check=True)
            equal("coracle.stdin" in result.stdout, wanted, f"the device on {machine}")
    with folder() as work:
        (work / "disk").write_bytes(b"\0" * 512)
        command = [CORACLE, "run", "--on", "microvm", "--print", *["--blk", "disk,ro"] * 8,
                   guest("cat")]
        result = subprocess.run(command, cwd=work, stdin=subprocess.PIPE, capture_output=True,
                                text=True, check=False)
        equal(result.returncode, 2, "status")
        contains(result.stderr, "8 devices and standard input", "standard error")
        subprocess.run(command, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, check=True)
