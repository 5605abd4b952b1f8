# SPDX-License-Identifier: BSD-2-Clause
"""Files that the VMM or the boot loader puts into memory (QEMU's -initrd, GRUB's module2): disks that are
only read, and the root directory where the first of them is a tar file."""
import contextlib
import os
import random
import subprocess
import zlib

from boot import CONSOLE, MICROVM, qemu
from harness import BUILD, Failure, app, check, contains, equal, folder, free_port, guest, run, wait_http
from image import SATA, make

SITE = BUILD / "site.tar"

# Prints the length and the CRC-32 of each disk.
DISKS = r"""
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    static unsigned char buffer[100000];
    char name[16] = "/dev/blk0";
    int file;

    for (; (file = open(name, O_RDONLY)) >= 0; name[8]++) {
        uint32_t crc = ~0u;
        long total = 0;
        ssize_t count;

        while ((count = read(file, buffer, sizeof(buffer))) > 0) {
            total += count;
            for (ssize_t i = 0; i < count; i++) {
                crc ^= buffer[i];
                for (int bit = 0; bit < 8; bit++)
                    crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
            }
        }
        printf("%ld %08x %s\n", total, ~crc, open(name, O_WRONLY) < 0 ? "ro" : "rw");
    }
    return 0;
}
"""


def built(work, source):
    (work / "program.c").write_text(source)
    result = run([str(BUILD / "coracle-cc"), "-O2", "-o", str(work / "program"), str(work / "program.c")])
    equal(result.status, 0, result.err)
    return str(work / "program")


def told(data, rights="ro"):
    """What DISKS prints of a disk: whole sectors."""
    data += b"\0" * (-len(data) % 512)
    return f"{len(data)} {zlib.crc32(data):08x} {rights}\n"


def test_content():
    """Byte for byte, whatever its length; behind the real disks."""
    with folder() as work:
        program = built(work, DISKS)
        (work / "disk").write_bytes(b"d" * 4096)
        for size in (1, 511, 4096, 1000001):
            data = random.Random(size).randbytes(size)
            (work / "module").write_bytes(data)
            for machine in (MICROVM, "q35", "pc"):
                status, out = qemu(*CONSOLE, "-kernel", program, "-initrd", str(work / "module"), machine=machine)
                equal((status, out), (1, "blk0: no tar file, not mounted\n" + told(data)), f"{size} on {machine}")
        status, out = qemu(*CONSOLE, "-kernel", program, "-initrd", str(work / "module"), "-drive",
                           f"file={work / 'disk'},format=raw,if=none,id=d", "-device", "virtio-blk-pci,drive=d",
                           machine="q35")
        contains(out, told(b"d" * 4096, "rw") + told(data), "a disk and a module")


def test_linux64():
    """By Linux's protocol: the loader's module is the image itself."""
    with folder() as work:
        program = built(work, DISKS)
        with open(program, "rb") as file:
            data = file.read()
        status, out = qemu(*CONSOLE, "-kernel", str(BUILD / "tests/boot/linux64"), "-initrd", program, memory="128M")
        equal(status, 1, f"status ({out})")
        contains(out, told(data), "the disk")


FILL = """#include <stdlib.h>
#include <string.h>
int main(void)
{
    int early = open("/dev/blk0", O_RDONLY);
    char first[1], *volatile spare = malloc(200000), *block;
    if (read(early, first, 1) != 1)
        return 1;
    while ((block = malloc(16384)) != NULL)
        memset(block, 0xa5, 16384);
    free(spare);
"""


def test_not_ram():
    """A program that fills all memory does not touch it."""
    with folder() as work:
        data = random.Random(3).randbytes(3 << 20)
        (work / "module").write_bytes(data)
        program = built(work, DISKS.replace("int main(void)\n{", FILL, 1))
        for machine in (MICROVM, "pc"):
            status, out = qemu(*CONSOLE, "-kernel", program, "-initrd", str(work / "module"), memory="16M",
                               machine=machine)
            equal(status, 1, f"status ({out})")
            contains(out, told(data), f"the module on {machine}")


@contextlib.contextmanager
def serving(*options, machine="microvm"):
    """QEMU with a forwarded port, while it runs."""
    port = free_port()
    process = subprocess.Popen(
        ["qemu-system-x86_64", "-accel", "tcg", "-M", machine, "-cpu", "max", "-nodefaults", "-no-user-config",
         "-no-reboot", "-display", "none", "-m", "64M", "-netdev", f"user,id=n,hostfwd=tcp:127.0.0.1:{port}-:80",
         *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        yield port
    except Failure as failure:
        process.kill()
        raise Failure(f"{failure}; it said {process.communicate()[0].decode(errors='replace')}") from None
    finally:
        process.kill()
        process.wait()


def expect_site(port, what):
    status, body = wait_http(port)
    equal(status, 200, f"answer, {what}")
    check(b"<html" in body, f"the page, {what}")


def test_httpd():
    for machine, net in (("microvm,acpi=off", "virtio-net-device"), ("q35", "virtio-net-pci")):
        with serving(*CONSOLE, "-device", f"{net},netdev=n", "-kernel", app("httpd"), "-initrd", str(SITE),
                     machine=machine) as port:
            expect_site(port, machine)


def test_grub():
    """GRUB's module2, with the site beside the image on a disk that is no virtio one."""
    with folder() as work:
        disk = work / "disk.raw"
        make(app("httpd"), "-o", disk)
        place = f"{disk}@@2M"
        equal(run(["mcopy", "-n", "-i", place, "::/coracle/grub.cfg", str(work / "grub.cfg")]).status, 0, "mcopy")
        words = (work / "grub.cfg").read_bytes()
        check(b"; then boot; fi" in words, "GRUB's configuration")
        (work / "grub.cfg").write_bytes(words.replace(
            b"; then boot; fi", b"; then module2 $prefix/site.tar; boot; fi"))
        for file, name in ((work / "grub.cfg", "grub.cfg"), (SITE, "site.tar")):
            copied = run(["mcopy", "-o", "-i", place, str(file), f"::/coracle/{name}"],
                         env=dict(os.environ, MTOOLS_SKIP_CHECK="1"))
            equal(copied.status, 0, f"mcopy ({copied.err})")
        with serving("-drive", f"file={disk},if=none,id=disk,format=raw", *SATA, "-device",
                     "virtio-net-pci,netdev=n", "-serial", "stdio", machine="q35") as port:
            expect_site(port, "GRUB")


def test_program_without_disks():
    """It does not care."""
    with folder() as work:
        (work / "module").write_bytes(b"m" * 100000)
        status, out = qemu(*CONSOLE, "-kernel", app("hello"), "-initrd", str(work / "module"))
        equal((status, out), (1, "Hello from Coracle\n"), "the end")
        symbols = run(["nm", app("hello")]).out
        check("module_blk_ops" not in symbols and "module_submit" not in symbols, "hello carries block support")
        equal(run(["nm", guest("blkcopy")]).out.count("module_blk_ops"), 1, "blkcopy's module support")
