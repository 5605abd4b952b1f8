# SPDX-License-Identifier: BSD-2-Clause
"""`coracle image`: disks that boot under BIOS and UEFI, and one clear line for each mistake."""
import os
import shutil

from harness import (CORACLE, app, check, contains, equal, folder, guest, needs_root, one_line,
                     run, user_error)

QEMU = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-nodefaults", "-no-user-config",
        "-display", "none", "-no-reboot", "-m", "256", "-device",
        "isa-debug-exit,iobase=0x501,iosize=2"]
OVMF = "/usr/share/OVMF/OVMF_CODE_4M.fd"
LIMIT = 120  # firmware under emulation
SATA = ["-device", "ich9-ahci,id=ahci", "-device", "ide-hd,drive=disk,bus=ahci.0"]
VIRTIO = ["-device", "virtio-blk-pci,drive=disk"]
SCSI = ["-device", "virtio-scsi-pci,id=scsi", "-device", "scsi-hd,bus=scsi.0,drive=disk,bootindex=1"]


def image(*arguments, **more):
    return run([CORACLE, "image", *map(str, arguments)], **more)


def make(*arguments, **more):
    result = image(*arguments, **more)
    equal((result.status, result.out, result.err), (0, "", ""), "coracle image")


def boot(disk, machine, device, uefi=False):
    """What came over the serial port, and QEMU's status: twice the guest's and one."""
    form = disk.suffix[1:]
    firmware = ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF}"] if uefi else []
    result = run(QEMU + ["-M", machine, "-drive", f"file={disk},if=none,id=disk,format={form}",
                         "-serial", "stdio", *device, *firmware], limit=LIMIT)
    equal(result.status, 1, f"QEMU's status, {machine} {device[1]} {result.out!r} {result.err}")
    return result.out


def test_bios():
    with folder() as work:
        disk = work / "disk.raw"
        make(app("hello"), "-o", disk)
        for machine, device in (("pc", VIRTIO), ("q35", VIRTIO), ("q35", SATA)):
            contains(boot(disk, machine, device), "Hello from Coracle", f"{machine} {device[1]}")


def test_uefi():
    with folder() as work:
        disk = work / "disk.qcow2"
        make("-o", disk, app("hello"))
        for device in (VIRTIO, SATA):
            contains(boot(disk, "q35", device, uefi=True), "Hello from Coracle", device[1])


def test_scsi():
    """As some clouds have it: the boot disk and another one on one virtio-scsi controller, which the
    firmware has used before. The program finds both and copies the first to the second."""
    with folder() as work:
        for uefi in (False, True):
            disk, second = work / "disk.raw", work / "second"
            make(guest("blkcopy"), "-o", disk)
            second.write_bytes(b"\0" * disk.stat().st_size)
            more = ["-drive", f"file={second},if=none,id=second,format=raw",
                    "-device", "scsi-hd,bus=scsi.0,drive=second"]
            said = boot(disk, "q35", SCSI + more, uefi)
            contains(said, f"{disk.stat().st_size} bytes", f"what it said, UEFI {uefi}")
            check(second.read_bytes() == disk.read_bytes(), f"the copy differs, UEFI {uefi}")


def test_image_is_unchanged():
    with folder() as work:
        make(app("hello"), "-o", work / "disk.raw")
        copy = run(["mcopy", "-n", "-i", f"{work}/disk.raw@@2M", "::/coracle/image",
                    str(work / "copy")])
        equal(copy.status, 0, f"mcopy ({copy.err})")
        with open(app("hello"), "rb") as one, open(work / "copy", "rb") as other:
            check(one.read() == other.read(), "the image on the disk is another one")
        with open(work / "disk.raw", "rb") as disk:
            disk.seek(512)
            equal(disk.read(8), b"EFI PART", "the partition table")
            disk.seek(-512, os.SEEK_END)
            equal(disk.read(8), b"EFI PART", "its copy at the end")


def test_arguments():
    """The words reach the program through GRUB as they were typed."""
    source = r"""
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        printf("<%s>", argv[i]);
    printf("{%s}\n", getenv("NAME"));
    return 0;
}
"""
    words = ["it's", 'a "b" c', "back\\slash", "$x ${y} `z`", "*", "-o", "--", "#;|&<>{}", "ä"]
    with folder() as work:
        (work / "show.c").write_text(source)
        built = run([os.path.join(os.path.dirname(CORACLE), "coracle-cc"), "-o",
                     str(work / "show"), str(work / "show.c")])
        equal(built.status, 0, built.err)
        make("--env", "NAME=a  'b'", work / "show", "-o", work / "disk.raw", "--", *words)
        contains(boot(work / "disk.raw", "pc", VIRTIO),
                 "".join(f"<{word}>" for word in words) + "{a  'b'}", "what the program got")


def test_mistakes():
    with folder() as work:
        disk = work / "disk.raw"
        text = work / "text"
        text.write_text("no program\n" * 100)
        for arguments, parts in (
                ((), ("IMAGE",)),
                ((app("hello"),), ("-o",)),
                ((app("hello"), "-o"), ("-o", "missing")),
                ((app("hello"), "-o", ""), ("-o",)),
                ((app("hello"), "-o", work / "disk.vdi"), ("disk.vdi", ".qcow2")),
                ((app("hello"), "-o", work / "none" / "disk.raw"), ("none", "No such file")),
                ((text, "-o", disk), ("text", "not an ELF")),
                ((work / "nothing", "-o", disk), ("nothing", "No such file")),
                ((app("hello"), "-o", disk, "--sail"), ("--sail",)),
                ((app("hello"), "-o", disk, "--blk", "x"), ("--blk",)),
                ((app("hello"), "-o", disk, "--on", "pc"), ("--on",)),
                ((app("hello"), "-o", disk, "--timeout", "1"), ("--timeout",)),
                ((app("hello"), "-o", disk, "--net", "user"), ("--net", "user")),
                ((app("hello"), "-o", disk, "--net", "ip=10.0.0.2"), ("--net", "10.0.0.2")),
                ((app("hello"), "-o", disk, "--env", "A=" + "x" * 5000), ("4096",)),
                ((app("hello"), "-o", disk, "--", ""), ("GRUB", "empty")),
                ((app("hello"), "-o", disk, "--", "a\nb"), ("GRUB", "line break"))):
            user_error(image(*arguments), *parts)
        equal(os.listdir(work), ["text"], "what is left behind")


def test_missing_tool():
    """The line names the Debian package."""
    with folder() as work:
        for tool in ("env", "grub-mkimage", "mformat", "mcopy"):
            os.symlink(shutil.which(tool), work / tool)
        for form, package in (("raw", "mtools"), ("qcow2", "mtools")):
            result = image(app("hello"), "-o", work / f"disk.{form}",
                           env=dict(os.environ, PATH=str(work)))
            equal(result.status, 125, "status")
            one_line(result, "mmd", package)
        os.symlink(shutil.which("mmd"), work / "mmd")
        result = image(app("hello"), "-o", work / "disk.qcow2",
                       env=dict(os.environ, PATH=str(work)))
        one_line(result, "qemu-img", "qemu-utils")


def test_no_space():
    """A full file system is named, and the old disk stays as it was."""
    needs_root()
    with folder() as work:
        equal(run(["mount", "-t", "tmpfs", "-o", "size=1M", "none", str(work)]).status, 0, "mount")
        try:
            old = work / "disk.raw"
            old.write_text("old")
            user_error(image(app("hello"), "-o", old), str(old), "No space left")
            equal((os.listdir(work), old.read_text()), (["disk.raw"], "old"), "what is left behind")
        finally:
            run(["umount", str(work)])


def test_size_limit():
    """So is a limit on the size of files."""
    with folder() as work:
        limited = f"ulimit -f 2048; exec '{CORACLE}' image '{app('hello')}' -o '{work}/disk.raw'"
        user_error(run(["sh", "-c", limited]), "disk.raw", "File too large")
        equal(os.listdir(work), [], "what is left behind")
