# SPDX-License-Identifier: BSD-2-Clause
"""bench/run: what it writes, and what it says of what fails; bench_missing.py is about what cannot be
measured, bench_interrupt.py about what is left of a run. How fast anything is does not matter here."""
import contextlib
import html.parser
import json
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree

import harness
from harness import BUILD, ROOT, check, contains, equal

RUN = str(ROOT / "bench" / "run")
GOALS = """boot.native.over_floor boot.microvm.over_floor instructions.native instructions.microvm
    instructions.q35 hypercalls.native size.hello memory.hello memory.httpd
    http.instructions_per_request http.over_linux_guest http.over_native_nginx
    tcp.in_over_linux_guest tcp.out_over_linux_guest blk.randread_over_host cycles.switch cycles.lock
    hypercall.over_port_exit vms.idle""".split()
VERSIONS = "coracle qemu xen wrk fio iperf3 nginx linux_guest linux_generic_guest".split()
HOSTILE = "<script src=\"http://example.org/x.js\">alert('$x^$')</script> & ]]> \"' --> </svg></style>"


@contextlib.contextmanager
def built(*programs):
    """A build directory of its own, with what was built, and these of the benchmarks' programs; results
    go there."""
    with harness.folder() as work:
        (work / "b" / "apps").mkdir(parents=True)
        (work / "b" / "bench").mkdir()
        (work / "tmp").mkdir()
        for name in ("coracle", "site.tar", "apps/hello", "apps/httpd",
                     *(f"bench/{program}" for program in programs)):
            (work / "b" / name).symlink_to(BUILD / name)
        (work / "b" / "tests").symlink_to(BUILD / "tests")
        yield work


def environment(work, **more):
    return dict(os.environ, B=str(work / "b"), TMPDIR=str(work / "tmp"), **{"QUICK": "1", **more})


def bench(work, *words, **more):
    return harness.run([RUN, *words], env=environment(work, **more))


def results_of(work):
    return json.loads((work / "b" / "bench" / "results.json").read_text())


def part_of(work, name):
    return next(part for part in results_of(work)["parts"] if part["name"] == name)


def program(path, script):
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_unknown_name():
    with built() as work:
        for words in (["no-such-thing"], ["size", "no-such-thing"]):
            result = bench(work, *words)
            equal(result.status, 2, "status")
            equal(result.out, "", "standard output")
            equal(len(result.err.splitlines()), 1, f"lines of {result.err!r}")
            contains(result.err, "no-such-thing", "the line")


def test_list():
    with built() as work:
        result = bench(work, "--list")
        equal(result.status, 0, "status")
        for name in GOALS:
            check(re.search(rf"[\[ ]{re.escape(name)}[\],]", result.out), f"--list has no {name}")


def check_goal(goal):
    for field in ("name", "value", "limit", "better", "met", "command"):
        check(field in goal, f"{goal['name']} has no {field}")
    equal(goal["command"], f"make bench ONLY={goal['name']}", "command")
    check(goal["better"] in ("less", "more"), f"better of {goal['name']}")
    if goal["value"] is None:
        equal(goal["met"], None, f"met of {goal['name']}")
        check(goal["reason"], f"{goal['name']} is not measured and says not why")
    else:
        less = goal["value"] <= goal["limit"]
        equal(goal["met"], less if goal["better"] == "less" else goal["value"] >= goal["limit"],
              f"met of {goal['name']}")


def test_results():
    with built() as work:
        result = bench(work, "size.hello")
        equal(result.status, 0, f"status ({result.err})")
        document = results_of(work)
        equal(document["interrupted"], False, "interrupted")
        names = [goal["name"] for goal in document["goals"]]
        equal([name for name in names if name in GOALS], GOALS, "goals")
        for goal in document["goals"]:
            check_goal(goal)
        equal([goal["name"] for goal in document["goals"] if goal["value"] is not None],
              ["size.hello"], "goals that were measured")
        part = part_of(work, "size")
        equal(part["status"], "measured", "status of the part")
        check({"size.hello", "size.httpd"} <= {figure["name"] for figure in part["figures"]},
              f"sizes are missing: {part['figures']}")
        check_page((work / "b" / "bench" / "report.html").read_text())


def test_other_unikernels():
    """Tools that are found are measured like hello, when they have an image to boot."""
    with built() as work:
        (work / "tools").mkdir()
        path = f"{work}/tools:{os.environ['PATH']}"
        bench(work, "solo5-hvt", "kraft", PATH=path)
        for name in ("solo5-hvt", "kraft"):
            equal(part_of(work, name)["status"], "not measured", f"status of {name} without the tool")
            contains(part_of(work, name)["reason"], f"{name} is not installed", "the reason")
        # Each takes 5 MiB at least.
        program(work / "tools" / "solo5-hvt",
                f'[ "$1" = --version ] && echo 0.9.1; echo "$*" >>{work}/said; [ "${{1#--mem=}}" -ge 5 ]')
        program(work / "tools" / "kraft",
                f'[ "$1" = version ] && echo 0.8.2; for word; do case $word in *Mi) mem=${{word%Mi}};; esac; '
                f'done; echo "$*" >>{work}/said; [ "$mem" -ge 5 ]')
        bench(work, "solo5-hvt", PATH=path)
        contains(part_of(work, "solo5-hvt")["reason"], "SOLO5_IMAGE names no image", "the reason")
        (work / "image").write_bytes(bytes(2048))
        result = bench(work, "solo5-hvt", "kraft", PATH=path, SOLO5_IMAGE=str(work / "image"),
                       KRAFT_IMAGE="helloworld:latest")
        equal(result.status, 0, f"status ({result.err})")
        for name, image, version in (("solo5-hvt", f"{work}/image", "0.9.1"),
                                     ("kraft", "helloworld:latest", "0.8.2")):
            part = part_of(work, name)
            equal(part["status"], "measured", f"status of {name} ({part})")
            values = {figure["name"]: figure for figure in part["figures"]}
            equal(values[f"memory.{name}"]["value"], 5, f"least memory of {name}")
            check(values[f"boot.{name}.{name}"]["value"] > 0, f"no time of {name}")
            equal(results_of(work)["machine"]["versions"][name], version, f"version of {name}")
            contains((work / "said").read_text(), image, f"what {name} was told")
        equal({figure["name"]: figure["value"] for figure in part_of(work, "solo5-hvt")["figures"]}
              ["size.solo5-hvt"], 2, "KiB of the image")


def test_failing_command():
    """What was measured before stays, and the command is named."""
    with built() as work:
        (work / "b" / "apps" / "httpd").unlink()
        (work / "b" / "apps" / "httpd").write_text("no image")
        result = bench(work, "size")
        equal(result.status, 0, f"status ({result.err})")
        part = part_of(work, "size")
        equal(part["status"], "failed", "status of the part")
        contains(part["reason"], "`strip ", "the reason")
        contains(part["reason"], "apps/httpd", "the reason")
        names = [figure["name"] for figure in part["figures"]]
        equal(names[0], "size.hello", "what was measured")
        check(all(name.startswith("size.hello.part.") for name in names[1:]) and len(names) > 5,
              f"parts of hello: {names}")
        contains(result.out, "failed: `strip ", "standard output")


def test_touched():
    """What a start touches is counted beside its instructions, the same in each run but for the clock."""
    with built() as work:
        for name in ("insn.so", "touch.so"):
            (work / "b" / "bench" / name).symlink_to(BUILD / "bench" / name)
        result = bench(work, "count-qemu")
        equal(result.status, 0, f"status ({result.err})")
        part = part_of(work, "count-qemu")
        equal(part["status"], "measured", f"status of the part ({part})")
        figures = {figure["name"]: figure for figure in part["figures"]}
        for on in ("microvm", "q35"):
            # The page tables alone are several, the image's pages more; all of hello's memory is too many.
            pages = figures[f"boot.{on}.pages_touched"]["value"]
            check(10 < pages < 200, f"{pages} pages on {on}")
            exits = figures[f"boot.{on}.exits_before_main"]
            for what in ("cpuid", "msrs"):
                contains(exits["note"], f"{what} ", f"what left the VM on {on}")
            equal(sum(int(word) for word in re.findall(r"\d+", exits["note"])), exits["value"],
                  f"sum on {on}")


def test_latencies():
    """wrk's script tells how long answers took, up to the slowest one."""
    if not shutil.which("wrk"):
        raise harness.Skip("wrk is not installed")
    port = harness.free_port()
    with harness.folder() as work, subprocess.Popen(
            ["python3", "-m", "http.server", "-b", "127.0.0.1", "-d", work, str(port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            harness.wait_http(port)
            result = harness.run(["wrk", "-t1", "-c2", "-d1s", "-s", str(ROOT / "bench" / "latency.lua"),
                                  f"http://127.0.0.1:{port}/"])
        finally:
            server.kill()
    line = re.search(r"^latencies (.*)$", result.out, re.M)
    check(line is not None, f"no line of latencies: {result.out}")
    percents, values = zip(*((float(percent), int(us)) for percent, us in
                             (word.split("=") for word in line.group(1).split())))
    equal(percents, (50, 75, 90, 95, 99, 99.9, 99.99, 100), "per cents")
    check(values[0] > 0 and list(values) == sorted(values), f"they do not rise: {values}")


def test_iperf_server():
    """What the guests have for iperf3 lets it end, both ways, and outlives a client it does not serve."""
    harness.needs_root()
    with harness.tap_namespace() as inside, subprocess.Popen(
            inside(BUILD / "bench" / "stream-linux", "9"), stdout=subprocess.PIPE) as server:
        try:
            equal(server.stdout.readline(), b"serving\n", "the server's first words")
            equal(harness.run(inside("iperf3", "-c", "127.0.0.1", "-P", "2")).status, 1, "two streams")
            for way in ((), ("-R",)):
                result = harness.run(inside("iperf3", "-c", "127.0.0.1", "-J", "-n", "40M", *way))
                end = json.loads(result.out)["end"]
                equal(result.status, 0, f"status ({result.out})")
                # What is still on its way when the client ends does not count.
                check(end["sum_received"]["bytes"] >= 10 << 20, f"too few bytes {way}: {end}")
                check(end["sum_received"]["bits_per_second"] > 0, f"no rate {way}")
        finally:
            server.kill()


# ---- the page ----------------------------------------------------------------------------------

class Page(html.parser.HTMLParser):
    """Notes what is wrong with a page: tags that do not nest, and whatever loads something."""

    VOID = {"meta", "br"}
    OPTIONAL = {"td", "th", "tr"}  # whose ends may be left out
    LOADING = {"script", "link", "img", "iframe", "object", "embed", "base", "audio", "video", "form"}

    def __init__(self):
        super().__init__()
        self.open, self.wrong = [], []

    def handle_starttag(self, tag, attributes):
        if tag in self.LOADING:
            self.wrong.append(f"<{tag}>")
        for name, value in attributes:
            outside = name in ("src", "href", "xlink:href", "data") and not (value or "").startswith("#")
            if outside or name.startswith("on") or re.search(r"url\((?!#)", value or ""):
                self.wrong.append(f"{name}={value}")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        while self.open and self.open[-1] != tag and self.open[-1] in self.OPTIONAL:
            self.open.pop()
        if not self.open or self.open[-1] != tag:
            self.wrong.append(f"</{tag}> within {self.open}")
        else:
            self.open.pop()


def check_page(page):
    """How many pictures a sound page has."""
    parser = Page()
    parser.feed(page)
    parser.close()
    equal((parser.wrong, parser.open), ([], []), "what is wrong with the page")
    check("@import" not in page, "the page's style loads something")
    pictures = re.findall(r"<svg.*?</svg>", page, re.S)
    for picture in pictures:
        xml.etree.ElementTree.fromstring(picture)
    identifiers = re.findall(r'\bid="([^"]*)"', page)
    twice = {name for name in identifiers if identifiers.count(name) > 1}
    equal(twice, set(), "identifiers that occur twice")
    return len(pictures)


def sample():
    """Results with every kind of entry, whose words are hostile."""
    def figure(name, value=2.5, **more):
        return {"name": name, "title": HOSTILE, "unit": HOSTILE, "value": value, "better": "less",
                "command": HOSTILE, **more}

    spread = {"samples": [1, 2.5, 4], "least": 1, "most": 4, "p90": 4, "p99": 4}
    curve = {"50": 1.0, "90": 2.0, "99": 3.5, "99.9": 5.0, "100": 7.5}
    figures = [figure("a.one", note=HOSTILE, **spread), figure("a.two.linux", 7),
               {"name": "a.none", "title": HOSTILE, "unit": HOSTILE, "value": None, "reason": HOSTILE},
               figure("a.load", latency_ms=curve, latency_samples_ms=[curve], cpu_us_per_request=3.25,
                      cpu_samples_us=[3.25], **spread)]
    names = [entry["name"] for entry in figures]
    groups = [{"kind": kind, "title": HOSTILE, "figures": [*names, "nobody"]}
              for kind in ("bars", "timeline")]
    goals = [{"name": f"g{value}", "title": HOSTILE, "unit": HOSTILE, "value": value, "limit": 2,
              "better": "less", "met": met, "command": HOSTILE, "reason": HOSTILE}
             for value, met in ((1, True), (3.5, False), (None, None))]
    part = {"name": "a", "title": HOSTILE, "status": "failed", "reason": HOSTILE, "seconds": 1,
            "figures": figures, "groups": groups}
    return {"schema": 3, "begun": HOSTILE, "seconds": 60, "quick": True, "interrupted": True,
            "command": HOSTILE,
            "machine": {"cpu": HOSTILE, "cores": 2, "memory_bytes": 1 << 30, "kernel": HOSTILE,
                        "kvm": HOSTILE, "versions": {HOSTILE: HOSTILE, **dict.fromkeys(VERSIONS)}},
            "goals": goals, "parts": [part, {**part, "name": "b", "figures": [], "groups": []}]}


def test_report():
    with harness.folder() as work:
        (work / "results.json").write_text(json.dumps(sample()))
        result = harness.run([str(ROOT / "bench" / "report.py"), work / "results.json", work / "page"])
        equal(result.status, 0, f"status ({result.err})")
        page = (work / "page").read_text()
        pictures = check_page(page)
        check(pictures == 3 or "matplotlib is not installed" in page, f"{pictures} pictures")
        contains(page, "ratio of medians", "the page")  # of a.one over a.two.linux
        contains(page, "<td class=n>0.357</td>", "the page")
        check("not measured: &lt;script" in page, "a figure without a value gives no reason")
