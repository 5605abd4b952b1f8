# SPDX-License-Identifier: BSD-2-Clause
"""Plain transfers over a tap, on native and on q35 beside a Linux guest: bulk TCP by the host's iperf3, a byte
there and back, and datagrams, with and without waiting for answers. The guests run the same program,
bench/programs/stream.c."""
import contextlib
import functools
import json
import statistics

import linux
from harness import BUILD
from host import Part, need_kvm, need_program, need_qemu, need_taps, on_cpu, why_not
from measure import CommandFailed, alternate, few, over, run, shown
from network import GUEST, LOAD_CPU, PINNED, STREAM_PORT, coracle_guest, linux_guest, wait_stream

JOB = f"stream {STREAM_PORT}\n"  # of the Linux guest
WAYS = (("in", "TCP into the guest", ()), ("out", "TCP out of the guest", ("-R",)))

FLOODS = (("in", "into"), ("out", "out of"))


def figures(name, title):
    """{what: (name, title, unit)} of all that is measured of a system."""
    return {**{way: (f"tcp.{name}.{way}", f"{title}, {words}", "Mbit/s") for way, words, _ in WAYS},
            "echo": (f"tcp.{name}.echo", f"{title}, one byte there and back", "us"),
            "udp": (f"udp.{name}", f"{title}, UDP datagrams of 64 bytes that arrive, 32 for each answer",
                    "datagrams/s"),
            **{f"flood-{way}": (f"udp.{name}.{way}", f"{title}, UDP datagrams of 64 bytes that arrive, {words} the "
                                "guest, open loop", "datagrams/s") for way, words in FLOODS}}


def stream_words(inside, what, number):
    return inside(*on_cpu(LOAD_CPU, BUILD / "bench" / "stream-linux", GUEST, STREAM_PORT, what, number))


def stream(inside, what, number):
    return [float(word) for word in run(stream_words(inside, what, number)).split()]


def iperf_words(inside, more):
    return inside(*on_cpu(LOAD_CPU, "iperf3", "-c", GUEST, "-J", "-t", few(1, 3), *more))


def iperf(inside, more):
    """Mbit/s that arrived where they were sent to."""
    command = iperf_words(inside, more)
    said = json.loads(run(command))
    if "error" in said:
        raise CommandFailed(command, 1, said["error"])
    return said["end"]["sum_received"]["bits_per_second"] / 1e6


def bulk(results, systems, turns=few(1, 7)):
    """TCP both ways, by turns; {(system, way): median}. `systems`: {name: (title, inside)}."""
    medians = {}
    reason = why_not(functools.partial(need_program, "iperf3"))
    for way, words, more in WAYS:
        if not results.wanted(f"tcp.{way}_over_linux_guest"):
            continue
        takers = {} if reason else {name: functools.partial(iperf, inside, more)
                                    for name, (_, inside) in systems.items()}
        samples = alternate(takers, turns, warm=few(0, 1))
        for name, (title, inside) in systems.items():
            figure = figures(name, title)[way]
            if reason:
                results.not_measured(*figure, reason)
                continue
            medians[name, way] = results.figure(*figure, better="more", samples=samples[name],
                                                command=shown(iperf_words(inside, more)))
        if len(systems) > 1:
            results.group("bars", words, [f"tcp.{name}.{way}" for name in systems],
                          over=over(systems, f"tcp.{{}}.{way}".format))
    if len(systems) == 1:
        results.group("bars", "bulk TCP", [f"tcp.{name}.{way}" for way, _, _ in WAYS for name in systems])
    return medians


def small(results, systems):
    """A byte there and back, and datagrams, by turns."""
    bytes_, datagrams = few(500, 2000), few(10_000, 50_000)
    turns = few(1, 5)
    echoes = alternate({name: functools.partial(stream, inside, "echo", bytes_)
                        for name, (_, inside) in systems.items()}, turns, warm=few(0, 1))
    floods = alternate({name: functools.partial(stream, inside, "datagrams", datagrams)
                        for name, (_, inside) in systems.items()}, turns, warm=few(0, 1))
    for name, (title, inside) in systems.items():
        results.figure(*figures(name, title)["echo"],
                       samples=[value for value, in echoes[name]],
                       command=shown(stream_words(inside, "echo", bytes_)))
    for name, (title, inside) in systems.items():
        results.figure(*figures(name, title)["udp"],
                       better="more", samples=[rate for rate, _ in floods[name]],
                       command=shown(stream_words(inside, "datagrams", datagrams)),
                       note=f"lost: {max(lost for _, lost in floods[name])} %")
    if len(systems) > 1:
        results.group("bars", "one byte there and back", [f"tcp.{name}.echo" for name in systems],
                      over=over(systems, "tcp.{}.echo".format))
        results.group("bars", "datagrams, 32 for each answer", [f"udp.{name}" for name in systems],
                      over=over(systems, "udp.{}".format))


def floods(results, systems):
    """Datagrams without any answer, by turns: what of them arrives at the other end of the tap."""
    milliseconds = few(300, 1000)
    for way, words in FLOODS:
        kind = f"flood-{way}"
        samples = alternate({name: functools.partial(stream, inside, kind, milliseconds)
                             for name, (_, inside) in systems.items()}, few(1, 5), warm=few(0, 1))
        for name, (title, inside) in systems.items():
            rates, lost, sent = zip(*samples[name])
            results.figure(*figures(name, title)[kind], better="more", samples=rates,
                           command=shown(stream_words(inside, kind, milliseconds)),
                           note=f"sent: {statistics.median(sent):,.0f} a second; lost: "
                                f"{min(lost):.0f} to {max(lost):.0f} %")
        if len(systems) > 1:
            results.group("bars", f"datagrams {words} the guest, open loop",
                          [f"udp.{name}.{way}" for name in systems],
                          over=over(systems, f"udp.{{}}.{way}".format))


def bulk_native(results):
    need_kvm()
    need_taps()
    with coracle_guest("native", BUILD / "bench" / "stream", None, [STREAM_PORT]) as (inside, server):
        wait_stream(inside, "stream", server)
        systems = {"native": ("native", inside)}
        bulk(results, systems)
        small(results, systems)
        floods(results, systems)


@contextlib.contextmanager
def all_on_qemu(no_linux):
    """Ours on q35 and microvm and, where there is one, the Linux guest's, up: {name: (title, inside)}."""
    with contextlib.ExitStack() as stack:
        systems = {}
        for on in ("q35", "microvm"):
            ours, server = stack.enter_context(
                coracle_guest(on, BUILD / "bench" / "stream", None, [STREAM_PORT]))
            wait_stream(ours, f"stream on {on}", server)
            systems[on] = f"Coracle on {on}", ours
        if not no_linux:
            theirs, server = stack.enter_context(linux_guest("q35", JOB))
            wait_stream(theirs, "stream in the Linux guest", server)
            systems["linux-q35"] = ("Linux on q35", theirs)
        yield systems


def bulk_q35(results):
    need_qemu()
    need_taps()
    no_linux = why_not(linux.files)
    with all_on_qemu(no_linux) as systems:
        medians = bulk(results, systems)
        if results.wanted():
            small(results, systems)
            floods(results, systems)
    if no_linux:
        for what, figure in figures("linux-q35", "Linux on q35").items():
            if results.wanted(f"tcp.{what}_over_linux_guest"):
                results.not_measured(*figure, no_linux)
    for way in ("in", "out"):
        goal = f"tcp.{way}_over_linux_guest"
        if {("q35", way), ("linux-q35", way)} <= set(medians):
            results.reach(goal, medians["q35", way] / medians["linux-q35", way])
        elif results.wanted(goal):
            results.goals[goal].reason = no_linux or "iperf3 is not installed"


PARTS = (
    Part("bulk-native", "TCP and UDP on native", bulk_native, 75, 6, pinned=PINNED),
    Part("bulk-q35", "TCP and UDP on q35 and microvm beside a Linux guest on q35", bulk_q35, 250, 20,
         ("tcp.in_over_linux_guest", "tcp.out_over_linux_guest"), 60, PINNED),
)
