# SPDX-License-Identifier: BSD-2-Clause
"""What runs in Xen's domains, in the tests' bed (tests/xen): the phases of a start, primitives, a disk, a
network, a web server's first byte, what a domain takes. All of it emulated, timed by the clocks
inside; beside it dom0's own Linux with the same program, where there is one."""
import json

from block import LOADS
from boot import note_phases
from harness import BUILD, Failure, app
from host import Part
from measure import QUICK, NotMeasured, over
from primitives import TITLES
from xen import KINDS, new_bed

NOTE = "in an emulated dom0, by its clock"
TURNS = 2
DISK_LOADS = ("randread1", "randread32", "randwrite32")
DOMAINS = 4  # idle ones at once
REQUESTS, ECHOES, DATAGRAMS, BYTES = 300, 300, 2000, 10_000_000
FEW_ROUNDS = "2"  # as dom0's system calls take 20 us and more

# What each job says begins with words that tell whose it is.
PRIMITIVES_JOB = f"""
for turn in {" ".join(map(str, range(TURNS)))}; do
    for on in {" ".join(KINDS)}; do
        coracle run --on $on --mem 31M /apps/primitives all {FEW_ROUNDS} >said || exit 1
        sed "s/^/$on /" said
        coracle run --on $on --mem 31M /apps/null-hypercall xen >said || exit 1
        sed "s/^/$on hypercall 0 /" said
    done
    primitives-linux all {FEW_ROUNDS} >said || exit 1
    sed "s/^/dom0 /" said
done
"""

DISK_JOB = """
dd if=/dev/urandom of=disk bs=1M count=16 2>/dev/null
losetup /dev/loop0 disk
for turn in TURNS; do
    for on in KINDS; do
        coracle run --on $on --mem 31M --blk /dev/loop0 /apps/blockio /dev/blk0 LOAD 1 >said || exit 1
        sed "s/^/$on /" said
    done
    blockio-linux /dev/loop0 LOAD 1 >said || exit 1
    sed "s/^/dom0 /" said
done
"""

# Without the bed's way out, and without what dom0 knows of a domain before with that address: nobody
# else is to answer.
ALONE = """
ip link set eth0 down
alone() { ip neigh flush dev xenbr0; }
"""
# Memory is what Xen has less of while the domains are there, in whole MiB.
WEB_JOB = ALONE + """
net=bridge:xenbr0,ip=10.77.0
losetup -r /dev/loop0 /site.tar
up() { read -r now rest </proc/uptime; }
serve() { alone; coracle run --on KIND --mem 3M --net $net.$1/24 --blk /dev/loop0,ro /apps/httpd >/dev/null & }
answers() {
    tries=0
    until timeout 10 wget -q -O /dev/null http://10.77.0.$1/; do
        tries=$((tries + 1))
        [ $tries -lt 50 ] || return 1
    done 2>/dev/null
}
for turn in 1 2 3; do
    up; begin=$now
    serve 2
    answers 2 || exit 1
    up
    echo "first $begin $now"
    [ $turn = 3 ] || { kill $!; wait $!; }
done
for turn in 1 2 3; do
    up; begin=$now
    stream-linux 10.77.0.2 80 get REQUESTS || exit 1
    up
    echo "get $begin $now"
done
kill $!; wait $!
before=$(xl info free_memory)
last=$((DOMAINS + 1))
for host in $(seq 2 $last); do serve $host; answers $host || exit 1; done
after=$(xl info free_memory)
count=0
for host in $(seq 2 $last); do answers $host && count=$((count + 1)); done
echo "idle $before $after $count"
"""

STREAM_JOB = ALONE + """
alone
coracle run --on KIND --mem 31M --net bridge:xenbr0,ip=10.77.0.2/24 /apps/stream 9 >/dev/null 2>&1 &
tries=0
until stream-linux 10.77.0.2 9 echo 1 >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || exit 1
    usleep 100000
done
ask() {
    stream-linux 10.77.0.2 9 $1 $2 >told || exit 1
    sed "s/^/$1 /" told
}
for turn in 1 2; do
    ask echo ECHOES; ask datagrams DATAGRAMS; ask in BYTES; ask out BYTES
done
"""


def filled(job, **values):
    for word, value in values.items():
        job = job.replace(word, str(value))
    return job


def by_words(said, count):
    """{the first `count` words of a line: what follows on each such line}."""
    found = {}
    for line in said.splitlines():
        words = line.split()
        found.setdefault(tuple(words[:count]), []).append(words[count:])
    return found


def title_of(who):
    return "dom0's Linux" if who == "dom0" else f"Coracle on {who}"


# ---- figures, from what the jobs have said ---------------------------------------------------------

def note_primitives(results, said):
    found = by_words(said, 2)
    for name in (*TITLES, "hypercall"):
        title = TITLES.get(name, "hypercall without work, the question for Xen's version")
        names = []
        for who in (*KINDS, "dom0"):
            samples = [float(words[-1]) for words in found.get((who, name), ())]
            if not samples:
                continue
            figure = f"hypercall.null.{who}" if name == "hypercall" else f"cycles.{name}.{who}"
            names.append(figure)
            results.figure(figure, f"{title}, {title_of(who)}", "cycles", samples=samples, note=NOTE,
                           command="null-hypercall xen" if name == "hypercall" else
                            f"primitives all {FEW_ROUNDS}")
        measured = [figure.rpartition(".")[2] for figure in names]
        results.group("bars", title, names, over=over(measured, f"cycles.{name}.{{}}".format))


def note_disk(results, load, said):
    for (who,), lines in by_words(said, 1).items():
        results.figure(f"blk.{load[0]}.{who}", f"{load[1]}, {title_of(who)}", "operations/s",
                       samples=[float(words[0]) for words in lines], better="more", command=load_words(load),
                       note=f"{NOTE}; a loop device on 16 MiB of dom0's memory")
    results.group("bars", load[1], [f"blk.{load[0]}.{who}" for who in (*KINDS, "dom0")],
                  over=over((*KINDS, "dom0"), f"blk.{load[0]}.{{}}".format))


def spans(lines):
    return [float(end) - float(begin) for begin, end in lines]


def note_web(results, kind, said):
    found = by_words(said, 1)
    results.figure(f"first_byte.{kind}", f"httpd on {kind}: exec to the answer, asked by wget", "ms",
                   samples=[seconds * 1e3 for seconds in spans(found["first",])], note=NOTE,
                   command=f"coracle run --on {kind} --mem 3M httpd")
    results.figure(f"http.{kind}.one", f"httpd on {kind}, one connection, asked by dom0", "requests/s",
                   samples=[REQUESTS / seconds for seconds in spans(found["get",])], better="more", note=NOTE,
                   command=f"stream 10.77.0.2 80 get {REQUESTS}")
    before, after, count = map(int, found["idle",][0])
    each = (before - after) / DOMAINS
    results.figure(f"many.{kind}.answered", f"of {DOMAINS} idle httpd answered, twice, {kind}", "VMs",
                   value=count, better="more", command=f"coracle run --on {kind} --mem 3M httpd")
    results.figure(f"idle.{kind}.httpd.private", f"memory of Xen that an idle httpd takes, {kind}", "MiB",
                   value=each, command="xl info free_memory",
                   note=f"with memory=4, by what {DOMAINS} take together; dom0's share is not in it")
    results.figure(f"many.{kind}.per_gib", f"idle httpd in a GiB, {kind}, by that", "VMs",
                   value=int(1024 / each), better="more", command="xl info free_memory")


def note_stream(results, kind, said):
    found = by_words(said, 1)
    for word, name, title, unit in (
            ("echo", f"tcp.{kind}.echo", "one byte there and back", "us"),
            ("datagrams", f"udp.{kind}", "UDP datagrams of 64 bytes that arrive, 32 for each answer",
             "datagrams/s"),
            ("in", f"tcp.{kind}.in", "TCP into the guest, 10 MB", "Mbit/s"),
            ("out", f"tcp.{kind}.out", "TCP out of the guest, 10 MB", "Mbit/s")):
        number = {"echo": ECHOES, "datagrams": DATAGRAMS}.get(word, BYTES)
        results.figure(name, f"{kind}, {title}", unit, better="less" if word == "echo" else "more",
                       samples=[float(words[0]) for words in found[word,]], note=f"{NOTE}; dom0 is the peer",
                       command=f"stream 10.77.0.2 9 {word} {number}")


# ---- the part ------------------------------------------------------------------------------------

def load_words(load):
    _, _, what, how, block, depth, _ = load
    return f"blockio /dev/blk0 {what} {how} {block} {depth} 1"


def jobs():
    """{name: (script, what notes its figures)}."""
    found = {}
    for kind in KINDS:
        found[f"phases-{kind}"] = (
            f"coracle bench boot --json -n 3 --on {kind} --mem 31M /apps/hello",
            lambda results, said, kind=kind: note_phases(results, kind, json.loads(said),
                                                         f"coracle bench boot --on {kind} hello"))
    found["primitives"] = (PRIMITIVES_JOB, note_primitives)
    for load in (load for load in LOADS if load[0] in DISK_LOADS):
        words = " ".join(map(str, load[2:6]))
        script = filled(DISK_JOB, TURNS=" ".join(map(str, range(TURNS))), KINDS=" ".join(KINDS), LOAD=words)
        found[f"disk-{load[0]}"] = (script, lambda results, said, load=load: note_disk(results, load, said))
    for kind in KINDS:
        found[f"web-{kind}"] = (filled(WEB_JOB, KIND=kind, REQUESTS=REQUESTS, DOMAINS=DOMAINS),
                                lambda results, said, kind=kind: note_web(results, kind, said))
        found[f"stream-{kind}"] = (
            filled(STREAM_JOB, KIND=kind, ECHOES=ECHOES, DATAGRAMS=DATAGRAMS, BYTES=BYTES),
            lambda results, said, kind=kind: note_stream(results, kind, said))
    return found


def not_measured(results):
    """What the bed cannot tell."""
    for kind in KINDS:
        for name, title, unit, reason in (
                ("http.{}.30", "httpd on {} under wrk", "requests/s",
                 "one emulated CPU has the load, dom0 and the guest: there is no CPU for wrk"),
                ("http.instructions.{}", "httpd on {}, per keep-alive request", "instructions",
                 "a plugin of QEMU does not tell the guest's instructions from Xen's and dom0's"),
                ("soak.{}", "httpd on {}, a long load", "requests", "an emulated machine serves it")):
            results.not_measured(name.format(kind), title.format(kind), unit, reason)


def measure(results):
    """Each job's figures as soon as it has ended; those that fail are told at the end."""
    if QUICK:
        raise NotMeasured("QUICK=1")
    machine = new_bed("xen-pvh")  # which serves both kinds
    for name in ("primitives", "null-hypercall", "blockio", "stream"):
        machine.put(f"/apps/{name}", BUILD / "bench" / name)
    for name in ("primitives", "blockio", "stream"):
        machine.put(f"/bin/{name}-linux", BUILD / "bench" / f"{name}-linux")
    machine.put("/apps/httpd", app("httpd"))
    machine.put("/site.tar", BUILD / "site.tar")
    todo, failed = jobs(), []
    for name, (script, _) in todo.items():
        machine.job(name, script, 240)
    for name, result in machine.run():
        if isinstance(result, Failure) or result.status != 0:
            failed.append(f"{name} in the bed: {result if isinstance(result, Failure) else result.err[-500:]}")
        else:
            todo[name][1](results, result.out)
    not_measured(results)
    if failed:
        raise Failure("; ".join(failed))


PARTS = (Part("xen-guests", "what runs in Xen's domains, beside dom0", measure, 135, 0),)
