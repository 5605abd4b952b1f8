# SPDX-License-Identifier: BSD-2-Clause
"""Under a Xen that QEMU emulates: guest instructions from the entry to main, beside Linux's, how long
a start takes in the tests' bed (tests/xen), against a guest that ends at once, and least memory."""
import gzip
import re
import struct
import subprocess
import time

import bed
from boot import by_function, figure_of, note_touched, plugins, read_counts, read_touched, symbols
from harness import BUILD, CORACLE, ROOT, Failure, app, folder, guest
from host import Part, need_qemu
from initramfs import Archive
from linux import cache
from measure import QUICK, CommandFailed, NotMeasured, ran, remember

KINDS = ("xen-pv", "xen-pvh")
LINUX = "instructions.linux-xen-pv", "Linux as PV guest, entry to /init's first", "instructions"
HELLO = "coracle run --on {} --mem 31M /apps/hello"  # in the bed
NAMES = {"tree": "reader"}  # as memory.py calls them
TITLES = {"tree": "a program that reads a disk"}
ENTRIES = {"xen-pv": "xen_pv_begin", "xen-pvh": "pv_pvh_start"}
XEN_END = 0xffff880000000000  # Xen lies below, from 1 << 47 on, the kernel of a PV guest above
LINUX_MEBIBYTES = 256
INIT_AT = 0x700000000078  # where nothing else is


def files():
    """The folder with Xen and the dom0's Linux, fetched if need be."""
    need_qemu()
    fetched = subprocess.run([ROOT / "scripts" / "fetch-xen", str(cache())], check=False,
                             capture_output=True, text=True)
    if fetched.returncode != 0:
        raise NotMeasured((fetched.stderr.splitlines() or ["scripts/fetch-xen failed"])[-1])
    return cache() / "xen"


def version():
    """Of the Xen that is fetched; None without one."""
    if not (cache() / "xen" / "xen").exists():
        return None
    found = re.search(rb"\0(\d+\.\d+\.\d+[^\0 ]*)\0", (cache() / "xen" / "xen").read_bytes())
    return found.group(1).decode() if found else "unknown"


# ---- the first domain on a Xen without anything else ---------------------------------------------

def run_until(command, log, words, limit=120):
    """Runs a command until its log has these words: Xen halts when its first domain ends."""
    patience = time.monotonic() + limit
    remember(command)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while process.poll() is None and not (log.exists() and words in log.read_text("latin-1")):
                if time.monotonic() > patience:
                    raise CommandFailed(command, 1, f"no end after {limit} seconds")
                time.sleep(0.1)
            if not (log.exists() and words in log.read_text("latin-1")):
                raise CommandFailed(command, process.returncode, f"no '{words}' in its log")
        finally:
            process.kill()


def first_domain(work, megabytes, initrd, options, words, limit=120):
    """Runs it as the first domain, a PV guest, until Xen says `words`; Xen's version."""
    run_until(["qemu-system-x86_64", "-accel", "tcg", "-cpu", "qemu64,+npt,+rdrand", "-m",
               str(megabytes + 128), "-nodefaults", "-display", "none", "-no-reboot", *options,
               "-serial", f"file:{work}/log", "-kernel", str(files() / "xen"), "-append",
               f"console=com1 com1=115200,8n1 dom0_mem={megabytes}M,max:{megabytes}M",
               "-initrd", initrd], work / "log", words, limit)
    version = re.search(r"Xen version (\S+)", (work / "log").read_text("latin-1"))
    return version.group(1) if version else "of unknown version"


def count_first(results):
    image = app("hello")
    places = symbols(image)
    for megabytes in (4, 32) if results.wanted() else (32,):
        figure = (f"instructions.xen-pv.{megabytes}", f"entry to main, Xen PV, {megabytes} MiB", "instructions")
        if QUICK and megabytes != 32:
            results.not_measured(*figure, "QUICK=1")
            continue
        with folder() as work:
            version = first_domain(work, megabytes, f"{image} name=hello",
                                   plugins(places, ENTRIES["xen-pv"], work), "halting machine")
            counts = by_function(places, read_counts(work / "counts"))
        of_xen = counts.pop("hypervisor", 0)
        most = ", ".join(f"{of} {count}" for of, count in counts.most_common(8))
        total = results.figure(*figure, value=sum(counts.values()), command=ran(),
                               note=f"Xen {version}, {of_xen:,} instructions of its own for them; "
                                    f"most in {most}")
    results.reach("instructions.xen-pv", total)


def xen_entry(kernel):
    """Where an ELF file's note says that a PV guest starts."""
    begin, = struct.unpack_from("<Q", kernel, 32)
    size, count = struct.unpack_from("<HH", kernel, 54)
    for at in range(begin, begin + size * count, size):
        kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", kernel, at)
        end = offset + length if kind == 4 else offset
        while offset < end:
            name, value, number = struct.unpack_from("<III", kernel, offset)
            text = offset + 12
            offset = text + (name + 3 & ~3) + (value + 3 & ~3)
            if kernel[text:text + 4] == b"Xen\0" and number == 1:
                return struct.unpack_from("<Q", kernel, text + 4)[0]
    raise Failure("the kernel has no entry for a PV guest")


def init_that_ends():
    """An ELF file of one segment whose first instruction is at INIT_AT: exit(0)."""
    code = bytes.fromhex("b83c000000" "31ff" "0f05")
    head = struct.pack("<4sBBBB8xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, 2, 62, 1, INIT_AT, 64, 0, 0,
                       64, 56, 1, 0, 0, 0)
    place, size = INIT_AT - 120, 120 + len(code)  # with the file's head
    return head + struct.pack("<IIQQQQQQ", 1, 5, 0, place, place, size, size, 4096) + code


def count_linux(results):
    """Linux's own boot as the first domain, from its entry to the first instruction of /init."""
    with gzip.open(files() / "linux.gz") as file:
        entry = xen_entry(file.read())
    with folder() as work:
        archive = Archive()
        archive.put("init", init_that_ends())
        with open(work / "cpio", "wb") as file:
            archive.write(file)
        first_domain(work, LINUX_MEBIBYTES, f"{files()}/linux.gz quiet panic=-1,{work}/cpio",
                     ["-plugin", f"{BUILD}/bench/insn.so,begin={entry:#x},end={INIT_AT:#x},low={XEN_END:#x},"
                      f"to={work}/counts"], "Hardware Dom0", 600)
        counts = read_counts(work / "counts")
    results.figure(*LINUX, value=sum(count for _, count in counts), command=ran(),
                   note=f"Debian 12's, as the first domain with {LINUX_MEBIBYTES} MiB, an empty "
                        "initramfs and QEMU's machine `pc` with a serial port")


# ---- in the bed ----------------------------------------------------------------------------------

def run_bed(machine):
    """The output of each job."""
    said = {}
    for name, result in machine.run():
        if isinstance(result, Failure):
            raise result
        if result.status != 0:
            raise Failure(f"{name} in the bed: status {result.status}: {result.err[-1000:]}")
        said[name] = result.out
    return said


def new_bed(kind, options=()):
    need_qemu()
    try:
        machine = bed.Bed(cache(), kind, options)
    except Failure as reason:
        raise NotMeasured(str(reason)) from None
    machine.put("/bin/coracle", CORACLE)
    machine.put("/apps/hello", app("hello"))
    return machine


def counted_in_bed(kind):
    """How many instructions each function executes, in a domain that Linux has created, and what it
    touches."""
    places = symbols(app("hello"))
    with folder() as work:
        window = f",low={places[0][0]:#x},high={0x200000:#x}"
        machine = new_bed(kind, plugins(places, ENTRIES[kind], work, window))
        machine.job("count", HELLO.format(kind))
        run_bed(machine)
        return by_function(places, read_counts(work / "counts")), read_touched(work)


def as_domain(kind):
    return f"instructions.{kind}.domain", f"entry to main, {kind}, 32 MiB, as a domain", "instructions"


def count_domains(results):
    """The least of the runs is the figure: upcalls that come before main add theirs."""
    for kind in KINDS:
        both = sorted((counted_in_bed(kind) for _ in range(3)), key=lambda run: sum(run[0].values()))
        runs = [counts for counts, _ in both]
        most = ", ".join(f"{of} {count}" for of, count in runs[0].most_common(8))
        totals = [sum(run.values()) for run in runs]
        results.figure(*as_domain(kind), value=totals[0], samples=totals, note=f"most in {most}",
                       command=HELLO.format(kind))
        note_touched(results, kind, [touched for _, touched in both], HELLO.format(kind))


def skip_others(results, reason):
    results.not_measured(*LINUX, reason)
    for kind in KINDS:
        results.not_measured(*as_domain(kind), reason)
        for what in ("pages_touched", "exits_before_main"):
            results.not_measured(*figure_of(what, kind), reason)


def count(results):
    count_first(results)
    if not results.wanted():
        return
    if QUICK:
        skip_others(results, "QUICK=1")
        return
    count_linux(results)
    count_domains(results)


# Times are of dom0's clock, in hundredths of a second.
BOOT_JOB = """
up() { read -r now rest </proc/uptime; }
turn=0
while [ $turn -lt TURNS ]; do
    for on in xen-pv xen-pvh; do
        coracle run --on $on --mem 31M --print /apps/hello |
            sed 's/preserve/destroy/; s!^kernel=.*!kernel="/tiny"!; s/^name=.*/name="tiny"/' >tiny.cfg
        up; begin=$now
        coracle run --on $on --mem 31M /apps/hello >said || exit 1
        up; middle=$now
        xl create -q -F tiny.cfg >said 2>&1
        up
        echo "$on hello $begin $middle"
        echo "$on floor $middle $now"
    done
    turn=$((turn + 1))
done
"""

# The domain's own MiB, by bisection up to 16: whether it says what it has to say.
MEMORY_JOB = """
losetup -r /dev/loop0 /site.tar
on=KIND
net=bridge:xenbr0,ip=10.77.0.2/24
coracle run --on $on --mem 31M --print /apps/hello >hello.cfg
coracle run --on $on --mem 31M --print --net $net --blk /dev/loop0,ro /apps/httpd >httpd.cfg
coracle run --on $on --mem 31M --print --blk /dev/loop0,ro /apps/tree >tree.cfg
sed -i 's/preserve/destroy/' *.cfg

works_hello() {
    timeout 60 xl create -q -F try.cfg >/dev/null 2>&1
    grep -q "Hello from Coracle" /var/log/xen/console/guest-hello.log
}

works_tree() {
    timeout 60 xl create -q -F try.cfg >/dev/null 2>&1
    grep -q "index.html" /var/log/xen/console/guest-tree.log
}

works_httpd() {
    xl create -q try.cfg 2>/dev/null || return 1
    tries=0
    until timeout 10 wget -q -O /dev/null http://10.77.0.2/; do
        tries=$((tries + 1))
        xl domid httpd >/dev/null 2>&1 && [ $tries -lt 15 ] || return 1
        usleep 200000
    done
}

for name in hello tree httpd; do
    low=0 high=16
    while [ $((high - low)) -gt 1 ]; do
        middle=$(((low + high) / 2))
        sed "s/^memory=.*/memory=$middle/" $name.cfg >try.cfg
        rm -f /var/log/xen/console/*
        if works_$name; then high=$middle; else low=$middle; fi
        xl destroy $name >/dev/null 2>&1
    done
    echo "$name $high"
done
"""


def boot_in_bed(results, said):
    samples = {}
    for line in said.splitlines():
        kind, what, begin, end = line.split()
        samples.setdefault((kind, what), []).append((float(end) - float(begin)) * 1e3)
    for kind in KINDS:
        for what, title, command in (("floor", "xl, a guest that ends at once", "xl create -q -F tiny.cfg"),
                                     ("hello", f"coracle run --on {kind} hello", HELLO.format(kind))):
            results.figure(f"boot.{kind}.{what}", title, "ms", samples=samples[kind, what],
                           note="in an emulated dom0, by its clock", command=command)
        results.group("bars", f"exec to exit, {kind}", [f"boot.{kind}.floor", f"boot.{kind}.hello"],
                      over={f"boot.{kind}.hello": f"boot.{kind}.floor"})


def domains(results):
    if QUICK:
        raise NotMeasured("QUICK=1")
    machine = new_bed("xen-pvh")  # which serves both kinds
    machine.put("/tiny", BUILD / "bench" / "tiny-xen")
    machine.put("/apps/httpd", app("httpd"))
    machine.put("/apps/tree", guest("tree"))
    machine.put("/site.tar", BUILD / "site.tar")
    machine.job("boot", BOOT_JOB.replace("TURNS", "15"), 600)
    for kind in KINDS:
        machine.job(f"memory-{kind}", MEMORY_JOB.replace("KIND", kind), 600)
    said = run_bed(machine)
    boot_in_bed(results, said["boot"])
    for kind in KINDS:
        for name, mebibytes in map(str.split, said[f"memory-{kind}"].splitlines()):
            results.figure(f"memory.{kind}.{NAMES.get(name, name)}",
                           f"least memory of {TITLES.get(name, name)}, {kind}, all of the domain", "MiB",
                           value=int(mebibytes), command="xl create -q try.cfg",
                           note="of try.cfg's memory=, in an emulated dom0")


PARTS = (
    Part("count-xen", "guest instructions to main under Xen, and Linux's", count, 130, 4,
         ("instructions.xen-pv",), 10),
    Part("domains", "starts and least memory of Xen's domains", domains, 200, 0),
)
