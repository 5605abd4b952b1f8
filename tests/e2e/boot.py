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


def handed_over(words, program="threads_preempt", memory="128M"):
    """The loader of Linux's protocol hands something odd over."""
    return qemu(*CONSOLE, "-kernel", str(BUILD / "tests/boot/linux64"), "-initrd", guest(program), "-append", words,
                memory=memory)


def test_odd_memory_map():
    """Not in order, overlapping, with holes: all of it that is RAM is used, and nothing else."""
    for program in ("threads_preempt", "memory_exhausted", "out_of_memory"):
        status, out = handed_over("odd=map -- x", program)
        equal(status, 1, f"status of {program} ({out})")
        check("ok" in out, out)


def test_wrong_memory_map():
    for words, part in (("spoil=no-map", "there is no memory map"),
                        ("spoil=no-ram-here", "too little memory for the image, or none where it lies"),
                        ("spoil=little", "crash: too little memory")):
        status, out = handed_over(words)
        check(part in out, f"{words}: {out}")
        equal(status, 134 << 1 & 0xff | 1, f"status with {words}")


def test_wrong_root():
    """ACPI's root is damaged or out of reach: as if there were no ACPI."""
    for words in ("spoil=root", "spoil=far-root"):
        status, out = qemu("-serial", "stdio", "-kernel", str(BUILD / "tests/boot/linux64"), "-initrd",
                           guest("threads_preempt"), "-append", words, memory="128M", machine="q35")
        equal(status, 0, f"status with {words} ({out})")
        check("ok" in out, f"{words}: {out}")


def test_wrong_module():
    for words, part in (("spoil=module-far", "it does not lie in RAM"), ("spoil=module-long", "it does not lie in RAM"),
                        ("spoil=module-image", "it lies where the image is")):
        status, out = handed_over(words)
        equal(status, 1, f"status with {words} ({out})")
        check(f"boot: a module is left out: {part}\n" in out and "ok" in out, f"{words}: {out}")


def test_no_device():
    """A program that wants disks where there are none says so itself."""
    for machine in (MICROVM, "microvm,acpi=on", "q35", "pc"):
        status, out = qemu(*CONSOLE, "-kernel", guest("blkcopy"), machine=machine)
        equal(status, 2 << 1 | 1, f"status on {machine} ({out})")
        check("/dev/blk0: No such" in out, f"{machine}: {out}")


def test_more_devices_than_fit():
    """The first ones are used; one line for the rest."""
    disks = []
    for i in range(40):
        disks += ["-drive", f"driver=null-co,read-zeroes=on,size=512,if=none,id=d{i}", "-device",
                  f"virtio-blk-pci,drive=d{i},addr={4 + i // 8}.{i % 8},multifunction=on"]
    for machine in ("q35", "pc"):
        status, out = qemu(*CONSOLE, *disks, "-kernel", guest("blkcopy"), machine=machine)
        equal(status, 1, f"status on {machine} ({out})")
        check("512 bytes" in out, f"{machine}: {out}")
        check(1 <= out.count("too many devices") + out.count("more devices"), f"{machine}: {out}")
