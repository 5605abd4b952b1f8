# SPDX-License-Identifier: BSD-2-Clause
"""bench/report.py: the page that it makes of results, whatever words they hold. browser.py looks at it in a
browser."""
import html.parser
import json
import re
import sys
import xml.etree.ElementTree

import harness
from harness import ROOT, check, contains, equal

sys.path.append(str(ROOT / "bench"))  # behind ours, which have other files of the same names
import report  # noqa: E402

HOSTILE = "<script src=\"http://example.org/x.js\">alert('$x^$')</script> & ]]> \"' --> </svg></style>"
VERSIONS = "coracle qemu xen wrk fio iperf3 nginx linux_guest linux_generic_guest".split()


def test_colours():
    """Figures have the colour of their system, whatever else their names hold."""
    ours = report.colour("boot.native.hello")
    for name in ("size.httpd.part.pvabi/bare", "boot.solo5-hvt.hello", "first_byte.q35", "http.q35.30"):
        equal(report.colour(name), ours, f"colour of {name}")
    equal(len({report.colour(name) for name in ("http.host.30", "first_byte.nginx", "hypercall.bare",
                                                "boot.native.floor")}), 1, "colours of the host")
    equal(len({report.colour(name) for name in ("cycles.loop.linux", "tcp.linux-q35.in",
                                                "http.linux-virtio.30")}), 1, "colours of Linux")
    others = [report.colour(name) for name in ("boot.kraft.kraft", "http.linux-emulated.30",
                                               "cycles.loop.linux", "http.host.30", "boot.native.true")]
    equal(len({ours, *others}), 6, "colours that differ")


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
                "command": HOSTILE, "samples": [value], **dict.fromkeys(("least", "most", "p90", "p99"), value),
                **more}

    spread = {"samples": [1, 2.5, 4], "least": 1, "most": 4, "p90": 4, "p99": 4}
    curve = {"50": 1.0, "90": 2.0, "99": 3.5, "99.9": 5.0, "100": 7.5}
    figures = [figure("a.one", note=HOSTILE, **spread), figure("a.two.linux", 7),
               {"name": "a.none", "title": HOSTILE, "unit": HOSTILE, "value": None, "reason": HOSTILE},
               figure("http.a.30", latency_ms=curve, latency_samples_ms=[curve], cpu_us_per_request=3.25,
                      cpu_samples_us=[3.25], **spread)]
    names = [entry["name"] for entry in figures]
    groups = [{"kind": "bars", "title": HOSTILE, "figures": [*names, "nobody"],
               "over": {"a.one": "a.two.linux", "http.a.30": "a.none", "nobody": "a.one"}},
              {"kind": "timeline", "title": HOSTILE, "figures": [*names, "nobody"]}]
    goals = [{"name": f"g{value}", "title": HOSTILE, "unit": HOSTILE, "value": value, "limit": 2,
              "better": "less", "met": met, "command": HOSTILE, "reason": HOSTILE}
             for value, met in ((1, True), (3.5, False), (None, None))]
    part = {"name": "a", "title": HOSTILE, "affinity": HOSTILE, "status": "failed", "reason": HOSTILE,
            "seconds": 1, "figures": figures, "groups": groups}
    return {"schema": 4, "begun": HOSTILE, "seconds": 60, "quick": True, "interrupted": True,
            "command": HOSTILE, "commit": HOSTILE,
            "machine": {"cpu": HOSTILE, "cores": 2, "memory_bytes": 1 << 30, "kernel": HOSTILE,
                        "kvm": HOSTILE, "versions": {HOSTILE: HOSTILE, **dict.fromkeys(VERSIONS)}},
            "goals": goals, "parts": [part, {**part, "name": "b", "groups": [],
                             "figures": [figure("http.instructions.a", 9465)]}]}


def test_report():
    with harness.folder() as work:
        (work / "results.json").write_text(json.dumps(sample()))
        result = harness.run([str(ROOT / "bench" / "report.py"), work / "results.json", work / "page"])
        equal(result.status, 0, f"status ({result.err})")
        page = (work / "page").read_text()
        pictures = check_page(page)
        check(pictures == 3 or "matplotlib is not installed" in page, f"{pictures} pictures")
        # a.one over a.two.linux; without both figures there is no ratio.
        contains(page, "<th class=n>times<th>better</thead>", "the page")
        equal(re.findall(r"<td class=n>([\d.]+)</td><td>less</td>", page), ["0.357"], "ratios")
        check("not measured: &lt;script" in page, "a figure without a value gives no reason")
        contains(page, "3.25 µs of CPU per request, 9,465 guest instructions per request", "beside the times")
