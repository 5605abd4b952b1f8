# SPDX-License-Identifier: BSD-2-Clause
"""What people look at, in a real browser: the benchmark's report and the timeline of a boot. Chromium opens
the file from the disk, on a wide and on a narrow window, and tells what became of it."""
import html
import json
import re
import shutil

import harness
from bench import bench, built, results_of
from bench_report import sample
from harness import CORACLE, ROOT, Skip, app, check, equal

FLAGS = """--no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync
    --disable-component-update --disable-quic --hide-scrollbars""".split()
# Asked in the page: errors, how much wider than the window it is, the pictures' sizes, and the units and
# headings of one word that do not stand on one line.
QUESTION = """<script>
const range = document.createRange();
const broken = cell => {
    range.selectNodeContents(cell);
    return !/\\s/.test(cell.textContent) && range.getClientRects().length > 1;
};
const pictures = [...document.querySelectorAll("svg")].map(svg => svg.getBoundingClientRect());
document.title = JSON.stringify({
    too_wide: Math.max(0, document.documentElement.scrollWidth - innerWidth),
    pictures: pictures.map(box => [Math.round(box.width), Math.round(box.height)]),
    broken: [...document.querySelectorAll("thead th, td.u")].filter(broken).map(cell => cell.textContent),
    rows: document.querySelectorAll("table:first-of-type tr").length,
    loaded: performance.getEntriesByType("resource").length,
    first: (document.querySelector("h2") || {}).textContent,
});
</script>"""


def browser():
    found = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if not found:
        raise Skip("chromium is not installed (make's set-up installs it)")
    return [found] + (["--headless"] if found.endswith("chromium") else [])


def look(work, page, width):
    """What the browser says of this page, in a window as wide as that."""
    (work / "asking.html").write_text(page + QUESTION)
    result = harness.run([*browser(), *FLAGS, f"--user-data-dir={work}/profile", f"--window-size={width},900",
                          "--enable-logging=stderr", "--dump-dom", f"file://{work}/asking.html"])
    equal(result.status, 0, f"status ({result.err})")
    check("CONSOLE" not in result.err, f"the browser complains: {result.err}")
    title = re.search(r"<title>(\{.*?\})</title>", result.out, re.S)
    check(title is not None, f"the page's script did not run: {result.out[-500:]}")
    return json.loads(html.unescape(title.group(1)))


def check_look(said, pictures, width):
    equal(len(said["pictures"]), pictures, "pictures")
    for across, down in said["pictures"]:
        check(50 < across <= width and down > 20, f"a picture of {across} by {down} pixels")
    equal(said["broken"], [], "units that are broken")
    equal((said["too_wide"], said["loaded"]), (0, 0), "pixels too wide, files loaded from elsewhere")


def test_report():
    with harness.folder() as work:
        (work / "results.json").write_text(json.dumps(sample()))
        harness.run([str(ROOT / "bench" / "report.py"), work / "results.json", work / "page"])
        page = (work / "page").read_text()
        for width in (1400, 500):
            said = look(work, page, width)
            check_look(said, 3, width)
            check(said["rows"] >= 4, f"{said['rows']} rows in the table of goals, which is to come first")


def test_real_report():
    """Of a run, with every kind of picture that a machine without a network can have."""
    with built() as work:
        bench(work, "boot-native", "boot-phases", "size")
        drawn = sum(1 for part in results_of(work)["parts"] for group in part["groups"]
                    if any(figure["name"] in group["figures"] and figure["value"] is not None
                           for figure in part["figures"]))
        page = (work / "b" / "bench" / "report.html").read_text()
        for width in (1400, 500):
            said = look(work, page, width)
            check_look(said, drawn, width)
            check(drawn >= 4 and said["first"] == "Where", f"{drawn} pictures, first heading {said['first']}")


def test_timeline():
    with harness.folder() as work:
        drawn = harness.run([CORACLE, "bench", "boot", "-n", "2", "--svg", work / "boot.svg", app("hello")])
        equal(drawn.status, 0, f"status ({drawn.err})")
        said = look(work, "<!doctype html><body>" + (work / "boot.svg").read_text(), 1400)
        check_look(said, 1, 1400)
