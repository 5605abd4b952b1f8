# SPDX-License-Identifier: BSD-2-Clause
"""The command line: what it accepts, and one clear line with status 2 for each mistake."""
import json
import os
import signal
import socket
import struct
import subprocess

from harness import (CORACLE, Failure, Machine, app, check, contains, coracle, equal, folder,
                     free_port, guest, needs_root, one_line, run, user_error)


def test_hello():
    result = coracle(app("hello"))
    equal(result.status, 0, f"status ({result.err})")
    equal(result.out, "Hello from Coracle\n", "standard output")
    equal(result.err, "", "standard error")


def test_help_and_version():
    for option in ("--help", "--version"):
        result = run([CORACLE, option])
        equal(result.status, 0, option)
        contains(result.out, "coracle", option)
    contains(run([CORACLE, "run", "--help"]).out, "--blk", "coracle run --help")


def test_no_command():
    user_error(run([CORACLE]))


def test_unknown_command():
    user_error(run([CORACLE, "sail"]), "sail")


def test_no_image():
    user_error(coracle(), "IMAGE")


def test_unknown_option():
    user_error(coracle("--sail", "9", app("hello")), "--sail")


def test_option_without_value():
    for option in ("--mem", "--net", "--blk", "--env", "--timeout", "--stats", "--on"):
        user_error(coracle(option), option)


def test_equals_form():
    equal(coracle("--mem=2M", "--timeout=60", app("hello")).status, 0, "status")


def test_bad_sizes():
    for size in ("", "0", "-1", "many", "1Q", "16Mx", "99999999999999999999G", "4097"):
        user_error(coracle("--mem", size, app("hello")), "--mem")


def test_memory_too_small():
    user_error(coracle("--mem", "16K", app("hello")), "--mem", "needs at least")


def test_bad_timeouts():
    for value in ("", "x", "-1", "1h", "1e99"):
        user_error(coracle("--timeout", value, app("hello")), "--timeout")


def test_bad_environment():
    for value in ("", "=value", "NAME"):
        user_error(coracle("--env", value, app("hello")), "--env")


def test_other_hypervisors():
    user_error(coracle("--on", "bochs", app("hello")), "bochs")


def test_missing_image():
    user_error(coracle("/nowhere/image"), "/nowhere/image", "No such file")


def test_text_file_as_image():
    with folder() as work:
        text = work / "notes.txt"
        text.write_text("This is not a program.\n" * 1000)
        user_error(coracle(text), str(text), "not an ELF")
        user_error(run([CORACLE, "inspect", str(text)]), str(text), "not an ELF")


def test_directory_as_image():
    with folder() as work:
        user_error(coracle(work), str(work))


def test_empty_image():
    with folder() as work:
        (work / "empty").touch()
        user_error(coracle(work / "empty"), "empty")


def test_a_program_of_the_host_as_image():
    user_error(coracle("/bin/true"), "/bin/true")


def test_truncated_image():
    with open(app("hello"), "rb") as image, folder() as work:
        whole = image.read()
        for size in (3, 16, 63, 64, 200, 4096, 20000):
            (work / "cut").write_bytes(whole[:size])
            user_error(coracle(work / "cut"), "cut")


def elf_fields(image):
    """Offsets of the program headers of a 64-bit ELF file."""
    phoff, = struct.unpack_from("<Q", image, 32)
    phentsize, phnum = struct.unpack_from("<HH", image, 54)
    return [phoff + i * phentsize for i in range(phnum)]


def test_hostile_images():
    """One lie in each header field that the loader uses."""
    with open(app("hello"), "rb") as file:
        whole = file.read()
    headers = elf_fields(whole)
    loads = [at for at in headers if struct.unpack_from("<I", whole, at)[0] == 1]
    lies = [("class", 4, b"\1"), ("byte order", 5, b"\2"), ("machine", 18, b"\x28\0"),
            ("program header size", 54, b"\1\0"), ("many program headers", 56, b"\xff\xff"),
            ("program headers elsewhere", 32, b"\xff" * 8)]
    for at in loads:
        lies += [("offset", at + 8, b"\xf0" + b"\xff" * 7), ("address 0", at + 16, b"\0" * 8),
                 ("address", at + 16, b"\0" * 7 + b"\x80"), ("file size", at + 32, b"\xff" * 8),
                 ("memory size", at + 40, b"\xff" * 7 + b"\x7f"), ("rights", at + 4, b"\7\0\0\0")]
    with folder() as work:
        for what, at, bytes_ in lies:
            image = bytearray(whole)
            image[at:at + len(bytes_)] = bytes_
            (work / "image").write_bytes(image)
            for command in ("run", "inspect"):
                result = run([CORACLE, command, str(work / "image")])
                if command == "run" or result.status != 0:
                    try:
                        user_error(result, "image")
                    except Failure as failure:
                        raise Failure(f"{command}, {what} at {at}: {failure}") from None


def inspect(image):
    result = run([CORACLE, "inspect", str(image)])
    equal((result.status, result.err), (0, ""), f"inspect {image}")
    return result.out


def table(text, heading, columns):
    """The rows below a heading: name and so many numbers."""
    lines = iter(text.splitlines())
    check(any(line.startswith(heading) for line in lines), f"{heading} is not in {text}")
    rows = {}
    for line in lines:
        words = line.rsplit(maxsplit=columns)
        if not line.startswith("  ") or len(words) != columns + 1:
            break
        rows[words[0].strip()] = words[1:]
    return rows


def test_inspect():
    text = inspect(app("hello"))
    for word in ("entry", "r-x", "rw-", "least memory"):
        contains(text.lower(), word, "coracle inspect")


def test_inspect_entries():
    """Each boot protocol's entry is the function that serves it."""
    text = inspect(app("hello"))
    address = {words[2].removeprefix("coracle."): int(words[0], 16) for words in
               map(str.split, run(["nm", app("hello")]).out.splitlines()) if len(words) == 3}
    for protocol, function in (("native", "pv_native_start"), ("PVH", "pv_pvh_start"),
                               ("Linux 64", "pv_linux64_start"),
                               ("multiboot 2", "pv_multiboot2_start")):
        line = [line for line in text.splitlines() if line.startswith(f"  {protocol} ")]
        equal(len(line), 1, f"lines of {protocol}")
        contains(line[0], f"0x{address[function]:08x}", protocol)


def test_inspect_parts():
    """Every byte of every segment belongs to a part, or to the padding."""
    for name, parts in (("hello", ("application", "arch", "kernel", "lib", "newlib", "pvabi/bare",
                                   "pvabi/native", "pvabi/virtio/console", "pvabi/virtio/pci")),
                        ("httpd", ("net", "lwIP", "pvabi/virtio/net", "pvabi/virtio/blk"))):
        text = inspect(app(name))
        rows = {part: list(map(int, sizes)) for part, sizes in table(text, "parts:", 4).items()}
        for part in parts:
            check(part in rows and sum(rows[part]) > 0, f"{part} is not in {name}: {text}")
        total = rows.pop("all")
        equal([sum(column) for column in zip(*rows.values())], total, f"sums of {name}")
        check(sum(rows["headers and padding"]) < sum(total) / 20, f"padding of {name}: {text}")
        segments = table(text, "segments:", 2)["all"]
        equal([sum(total[:3]), sum(total)], list(map(int, segments)), f"the segments of {name}")
    check("pvabi/virtio/net" not in inspect(app("hello")), "hello has a network")


def test_inspect_parts_that_are_not_there():
    """strip takes the list away; one that was tampered with is not believed."""
    with folder() as work:
        for option, word in (("--strip-all", "symbols: no"), ("--strip-debug", "symbols: yes")):
            run(["strip", option, "-o", str(work / "image"), app("hello")])
            text = inspect(work / "image")
            contains(text, "parts: no list of them (removed by strip?)", option)
            contains(text, word, option)
        for wrong in ("kernel 99999999 0 0 0\n", "kernel 1 2 3\n", "kernel 1 2 3 4", " 1 2 3 4\n",
                      "kernel 99999999999999999999 0 0 0\n", "k\x1b[2J 1 1 1 1\n", "k 1 1 1 1\n" * 65):
            (work / "list").write_text(wrong)
            run(["objcopy", "--update-section", f".debug_coracle_parts={work / 'list'}",
                 app("hello"), str(work / "image")])
            contains(inspect(work / "image"), "parts: their list does not fit", repr(wrong[:30]))


def test_inspect_parts_of_a_program():
    """The program's own archives are the application, whatever they are called; a map that the
    program's makefile asks for is written."""
    with folder() as work:
        (work / "main.c").write_text("int big(void);\nint main(void) { return big(); }\n")
        (work / "big.c").write_text("static char room[10000];\n"
                                    "int big(void) { return room[room[5]]++; }\n")
        driver = os.path.join(os.path.dirname(CORACLE), "coracle-cc")
        for command in ([driver, "-c", "big.c"], ["ar", "rc", "libkernel.a", "big.o"],
                        [driver, "main.c", "libkernel.a", "-o", "image"],
                        [driver, "main.c", "libkernel.a", "-Wl,-Map=own.map", "-o", "mapped"]):
            equal(run(command, cwd=work).status, 0, " ".join(command))
        rows = table(inspect(work / "image"), "parts:", 4)
        check(10000 <= int(rows["application"][3]) < 11000, f"the application: {rows}")
        contains(inspect(work / "mapped"), "parts: no list", "with the caller's own map")
        check((work / "own.map").stat().st_size > 0, "the map is empty")


def test_missing_disk():
    user_error(coracle("--blk", "/nowhere/disk", app("hello")), "--blk", "/nowhere/disk",
               "No such file")


def test_directory_as_disk():
    with folder() as work:
        user_error(coracle("--blk", work, app("hello")), "--blk", str(work))


def test_disk_in_use():
    with folder() as work:
        disk = work / "disk"
        disk.write_bytes(b"\0" * 4096)
        with Machine("--blk", disk, guest("sleep_forever")) as machine:
            machine.wait_line("asleep", "out")
            user_error(coracle("--blk", disk, app("hello")), "--blk", "in use")
            machine.end()


def test_port_in_use():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        user_error(coracle("--net", f"user,{port}:80", app("hello")), "--net", str(port), "in use")


def test_bad_networks():
    for value in ("", "carrier-pigeon", "user,80", "user,x:80", "user,80:", "user,0:80",
                  "user,70000:80", "tap", "tap:", "tap:lo,ip=10.0.0.1", "tap:x,ip=10.0.0.1/33",
                  "tap:x,ip=10.0.0.300/24", "tap:x,gw=10.0.0.1", "tap:x,sail=1"):
        user_error(coracle("--net", value, app("hello")), "--net")


def test_missing_tap():
    user_error(coracle("--net", "tap:nosuchtap0", app("hello")), "--net", "nosuchtap0")
    equal(run(["ip", "link", "show", "nosuchtap0"]).status, 1, "the tap was made")


def test_network_device_that_is_no_tap():
    user_error(coracle("--net", "tap:lo", app("hello")), "--net", "lo")


def test_no_kvm():
    """A machine without /dev/kvm: one line, status 125."""
    needs_root()
    result = run(["unshare", "--mount", "sh", "-c",
                  f"mount -t tmpfs none /dev && exec {CORACLE} run --on native {app('hello')}"])
    equal(result.status, 125, f"status ({result.err})")
    one_line(result, "/dev/kvm")


def test_kvm_without_rights():
    needs_root()
    with folder() as work:
        os.chmod(work, 0o755)
        # Where the tree lies may be closed to others: a copy is run.
        for path in (CORACLE, app("hello")):
            subprocess.run(["cp", path, str(work)], check=True)
        result = run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                      str(work / "coracle"), "run", "--on", "native", str(work / "hello")])
        equal(result.status, 125, f"status ({result.err})")
        one_line(result, "/dev/kvm", "Permission denied")


def test_time_out():
    result = coracle("--timeout", "1", guest("sleep_forever"))
    equal(result.status, 124, "status")


def test_time_out_of_a_busy_guest():
    equal(coracle("--timeout", "1", guest("spin_forever")).status, 124, "status")


def test_signals():
    for how, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        for name in ("sleep_forever", "spin_forever"):
            with Machine(guest(name)) as machine:
                machine.wait_line("asleep" if name == "sleep_forever" else "spinning", "out")
                equal(machine.end(how), status, f"{name}, {how.name}")


def test_ignored_interrupt():
    """Started in the background by a shell, a command does not hear the terminal's Ctrl-C."""
    with Machine(guest("sleep_forever"),
                 preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) as machine:
        machine.wait_line("asleep", "out")
        machine.process.send_signal(signal.SIGINT)
        equal(machine.end(), 143, "status")


def test_crash_with_nobody_reading():
    """A full pipe at standard error holds up neither the crash nor the end."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    try:
        while True:
            os.write(write, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(write, True)
    try:
        process = subprocess.Popen([CORACLE, "run", guest("crash_null_read")], stderr=write,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        equal(process.wait(timeout=120), 134, "status")
    finally:
        os.close(read)
        os.close(write)


def test_killed_monitor_leaves_nothing():
    with folder() as work:
        disk = work / "disk"
        disk.write_bytes(b"\0" * 4096)
        port = free_port()
        with Machine("--blk", disk, "--net", f"user,{port}:80", guest("sleep_forever")) as machine:
            machine.wait_line("asleep", "out")
            group = machine.process.pid
            machine.process.kill()
            machine.process.wait()
        children = run(["ps", "--ppid", str(group), "-o", "pid="])
        equal(children.out.strip(), "", "children left behind")
        # Disk and port are free again.
        equal(coracle("--blk", disk, "--net", f"user,{port}:80", app("hello")).status, 0, "status")


def test_statistics():
    with folder() as work:
        path = work / "stats.json"
        for arguments, status, cause in (
                ([app("hello")], 0, "exit"),
                (["--timeout", "1", guest("sleep_forever")], 124, "timeout"),
                ([guest("crash_null_read")], 134, "crash")):
            result = coracle("--stats", path, *arguments)
            equal(result.status, status, f"status ({result.err})")
            with open(path) as file:
                stats = json.load(file)
            equal(stats["cause"], cause, "cause")
            equal(stats["status"], status, "status in the statistics")
    result = coracle("--stats", "-", app("hello"))
    check(json.loads(result.err)["cause"] == "exit", "statistics on standard error")
    user_error(coracle("--stats", "/nowhere/stats", app("hello")), "--stats", "/nowhere/stats")


def test_hypercalls_before_main():
    """hello makes one hypercall to write and one to exit; at most four come before main."""
    with folder() as work:
        path = work / "stats.json"
        equal(coracle("--stats", path, app("hello")).status, 0, "status")
        with open(path) as file:
            stats = json.load(file)
    total = sum(stats["hypercalls"].values())
    check(total <= 4 + 2, f"hypercalls: {stats['hypercalls']}")


def test_closed_standard_output():
    """A reader that goes away is an error to the program, not a death of the monitor."""
    read, write = os.pipe()
    os.close(read)
    try:
        process = subprocess.run([CORACLE, "run", guest("write_error")], stdout=write,
                                 stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=120)
    finally:
        os.close(write)
    equal(process.returncode, 0, f"status ({process.stderr})")


def test_full_standard_output():
    with open("/dev/full", "w") as full:
        process = subprocess.run([CORACLE, "run", guest("write_error")], stdout=full,
                                 stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=120)
    equal(process.returncode, 0, f"status ({process.stderr})")


def test_standard_input():
    result = subprocess.run([CORACLE, "run", guest("cat")], input=b"one\ntwo\n" * 5000,
                            stdout=subprocess.PIPE, timeout=120)
    equal(result.returncode, 0, "status")
    equal(result.stdout, b"one\ntwo\n" * 5000, "what cat printed")
