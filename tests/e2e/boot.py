# SPDX-License-Identifier: BSD-2-Clause
"""The ring-0 platform where no launcher stands between: other boot protocols, other consoles, too
little memory, and the ways to power off."""
import subprocess

from harness import BUILD, check, equal, guest

MICROVM = "microvm,acpi=off,pic=off,pit=off,rtc=off,isa-serial=off,auto-kernel-cmdline=off"
CONSOLE = ["-chardev", "stdio,id=c", "-device", "isa-debugcon,iobase=0xe9,chardev=c",
           "-device", "isa-debug-exit,iobase=0x501"]


def qemu(*options, machine=MICROVM, memory="64M"):
    """QEMU's status and what the guest wrote."""
    result = subprocess.run(
        ["qemu-system-x86_64", "-accel", "tcg", "-M", machine, "-nodefaults", "-no-user-config", "-no-reboot",
         "-display", "none", "-m", memory, *options],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    return result.returncode, result.stdout


def test_linux64():
    """Linux's 64-bit protocol, by a loader that QEMU starts and that enters the image."""
    status, out = qemu(*CONSOLE, "-kernel", str(BUILD / "tests/boot/linux64"), "-initrd", guest("threads_preempt"),
                       "-append", "env.A=b -- x", memory="128M")
    equal(status, 1, f"status ({out})")
    check("ok" in out, out)


def test_serial_and_power_off():
    """One UART for everything, and ACPI or the keyboard controller to end: status 0, no hang."""
    for machine in ("microvm", "microvm,acpi=off", "q35", "pc"):
        status, out = qemu("-serial", "stdio", "-kernel", guest("threads_preempt"), machine=machine)
        equal(status, 0, f"status on {machine} ({out})")
        check("ok" in out, f"{machine}: {out}")


def test_too_little_memory():
    """Memory that ends within the image, or right after it."""
    for memory in ("1100K", "1200K", "1300K"):
        status, out = qemu(*CONSOLE, "-kernel", guest("threads_preempt"), memory=memory)
        check("crash: too little memory" in out, f"{memory}: {out}")
        equal(status, 134 << 1 & 0xff | 1, f"status with {memory}")


def test_no_long_mode():
    """A CPU without 64-bit mode."""
    status, out = qemu(*CONSOLE, "-cpu", "qemu64,-lm", "-kernel", guest("threads_preempt"))
    check("crash: this CPU has no 64-bit mode" in out, out)


def test_command_line_cut():
    """A command line longer than 4096 bytes is cut, and that is said."""
    status, out = qemu(*CONSOLE, "-kernel", guest("threads_preempt"), "-append", "net0=nonsense -- " + "x" * 5000)
    equal(status, 1, f"status ({out})")
    check("the command line is cut off" in out and "net0=: not" in out, out)
