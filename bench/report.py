#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes one page of results.json: the goals, the figures, and pictures of them.

    bench/report.py RESULTS.json REPORT.html

The page needs nothing beside itself: pictures are SVG inside it. They are drawn by matplotlib, which
the system's own Python finds where the system's package is installed; without it the page has its
tables alone and says so.
"""
import html
import io
import itertools
import json
import pathlib
import re
import sys

try:
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot
    # Titles are words, no formulas.
    matplotlib.rcParams["text.parse_math"] = False
except ImportError:
    pyplot = None

# One colour for each system, the same in every picture; told apart without colours by their names.
OURS, LINUX, OF_HOST, OTHERS = "#2b6cb0", "#c2762e", "#8a8a8a", "#7b5aa6"
COLOURS = {"hello": OURS, "linux-emulated": "#7a4a1c", "linux": LINUX, "dom0": LINUX,
           "host": OF_HOST, "nginx": OF_HOST, "floor": OF_HOST, "bare": OF_HOST, "true": "#b8b8b8",
           "solo5-hvt": OTHERS, "kraft": OTHERS}
PICTURES = itertools.count()

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff }
h1, h2, caption, figcaption, p { overflow-wrap: anywhere }
h1 { font-size: 1.7rem } h2 { font-size: 1.2rem; margin-top: 2.5rem }
table { border-collapse: collapse; width: 100%; margin-bottom: 1rem } caption { text-align: left; color: #555 }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top;
         overflow-wrap: anywhere }
thead th, td.u { overflow-wrap: normal }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.met { color: #1a6b2f } .missed { color: #a11d1d; font-weight: 600 } .absent { color: #666 }
code { font-size: .85em } figure { margin: 1rem 0 } figure svg { max-width: 100%; height: auto }
.note { color: #555; font-size: .9em }
@media (max-width: 45rem) {
    table { display: block; overflow-x: auto } th, td { overflow-wrap: normal } code { overflow-wrap: anywhere }
}
"""


def text(value):
    return html.escape(str(value))


def number(value):
    if value is None:
        return "–"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def colour(name):
    """By the last part of a figure's name that is a system's."""
    for part in reversed(name.split(".")):
        if part in COLOURS or part.startswith("linux-"):
            return COLOURS.get(part, LINUX)
    return OURS


# ---- tables ------------------------------------------------------------------------------------

def goal_row(goal):
    if goal["value"] is None:
        state, css = f"not measured: {goal.get('reason', '')}", "absent"
    else:
        state, css = ("met", "met") if goal["met"] else ("missed", "missed")
    sign = "≤" if goal["better"] == "less" else "≥"
    return (f"<tr><td>{text(goal['title'])}<br><code>{text(goal['command'])}</code></td>"
            f"<td class=n>{number(goal['value'])}</td><td class=n>{sign} {number(goal['limit'])}</td>"
            f"<td class=u>{text(goal['unit'])}</td><td class={css}>{text(state)}</td></tr>")


def goals_table(goals):
    return ("<table><thead><tr><th>goal<th class=n>measured<th class=n>limit<th>unit<th>state</thead>"
            f"<tbody>{''.join(map(goal_row, goals))}</tbody></table>")


def figure_row(figure):
    spread = ""
    if len(figure.get("samples", ())) > 1:
        spread = f"{number(figure['least'])} – {number(figure['p90'])} ({len(figure['samples'])})"
    extra = [f"slowest {number(value)} ms" if percent == "100" else f"{percent} % within {number(value)} ms"
             for percent, value in figure.get("latency_ms", {}).items()]
    if "cpu_us_per_request" in figure:
        extra.append(f"{number(figure['cpu_us_per_request'])} µs of CPU per request")
    if "instructions" in figure:
        extra.append(f"{number(figure['instructions'])} guest instructions per request on one connection")
    notes = [figure["note"]] if figure.get("note") else []
    if extra:
        notes.append(", ".join(extra))
    if figure["value"] is None:
        notes.append(f"not measured: {figure.get('reason', '')}")
    note = f"<div class=note>{text('; '.join(notes))}</div>" if notes else ""
    # Where no command was timed, the part's is given, which the reader knows.
    shown = not figure.get("command", "make bench").startswith("make bench")
    command = f"<div class=note><code>{text(figure['command'])}</code></div>" if shown else ""
    return (f"<tr><td>{text(figure['title'])}{note}{command}</td><td class=n>{number(figure['value'])}</td>"
            f"<td class=u>{text(figure['unit'])}</td><td class=n>{spread}</td></tr>")


def figures_table(figures):
    if not figures:
        return ""
    return ("<table><thead><tr><th>figure<th class=n>median or count<th>unit<th class=n>least – 90 % below "
            f"(samples)</thead><tbody>{''.join(map(figure_row, figures))}</tbody></table>")


def ratios(part):
    """Of what its groups say is to be compared, as far as both were measured."""
    known = {figure["name"]: figure for figure in part["figures"] if figure["value"]}
    pairs = [(known[name], known[base]) for group in part["groups"]
             for name, base in group.get("over", {}).items() if name in known and base in known]
    if not pairs:
        return ""
    rows = "".join(f"<tr><td>{text(entry['title'])}<div class=note>over {text(base['title'])}</div></td>"
                   f"<td class=n>{number(entry['value'] / base['value'])}</td>"
                   f"<td>{text(entry['better'])}</td></tr>" for entry, base in pairs)
    return ("<table><thead><tr><th>ratio of medians<th class=n>times<th>better</thead>"
            f"<tbody>{rows}</tbody></table>")


def machine_table(document):
    machine = document["machine"]
    rows = [("CPU", f"{machine['cpu']}, {machine['cores']} cores"),
            ("memory", f"{machine['memory_bytes'] / 2**30:.1f} GiB"), ("kernel", machine["kernel"]),
            ("KVM", machine["kvm"]), ("command", document["command"]),
            ("commit", document.get("commit") or "unknown"), ("begun", document["begun"]),
            ("took", f"{document['seconds'] / 60:.1f} min" + (", QUICK=1" if document["quick"] else "")
             + (", interrupted" if document["interrupted"] else ""))]
    rows += [(name, version or "not installed") for name, version in machine["versions"].items()]
    return "<table>" + "".join(f"<tr><th>{text(name)}<td>{text(value)}" for name, value in rows) + "</table>"


# ---- pictures ----------------------------------------------------------------------------------

def svg_of(figure):
    out = io.StringIO()
    figure.savefig(out, format="svg", bbox_inches="tight")
    pyplot.close(figure)
    picture = re.sub(r"^.*?(?=<svg)", "", out.getvalue(), flags=re.S)
    # Identifiers are the page's, not the picture's.
    mine = f"picture{next(PICTURES)}-"
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{mine}", picture)


def spread_of(entry):
    """Distances from the value down to the least and up to the 90th of a hundred samples."""
    if "samples" not in entry:
        return 0, 0
    return max(0, entry["value"] - entry["least"]), max(0, entry["p90"] - entry["value"])


def bars(group, entries):
    figure, axes = pyplot.subplots(figsize=(8, 0.5 + 0.42 * len(entries)))
    places = range(len(entries) - 1, -1, -1)
    spreads = list(zip(*map(spread_of, entries)))
    axes.barh(places, [entry["value"] for entry in entries], height=0.62, xerr=spreads, capsize=3,
              color=[colour(entry["name"]) for entry in entries], ecolor="#333")
    axes.set_yticks(list(places), [entry["title"] for entry in entries])
    for place, entry in zip(places, entries):
        axes.annotate(number(entry["value"]), (entry["value"] + spread_of(entry)[1], place),
                      xytext=(4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_xlabel(entries[0]["unit"])
    axes.set_xlim(left=0)
    axes.margins(x=0.12)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return f"<figure>{svg_of(figure)}<figcaption>{text(group['title'])}</figcaption></figure>"


def latency_curves(entries):
    """The last per cents are drawn as wide as the first ones: there the servers differ."""
    percents = sorted({percent for entry in entries for percent in entry["latency_ms"]}, key=float)
    place = {percent: at for at, percent in enumerate(percents)}
    figure, axes = pyplot.subplots(figsize=(8, 3.6))
    for entry in entries:
        known = sorted(entry["latency_ms"], key=float)
        axes.plot([place[percent] for percent in known],
                  [entry["latency_ms"][percent] for percent in known], marker="o",
                  label=entry["title"], color=colour(entry["name"]))
    axes.set_yscale("log")
    axes.set_xticks(range(len(percents)), ["all" if percent == "100" else percent for percent in percents])
    axes.set_xlabel("% of the requests are answered within")
    axes.set_ylabel("ms")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    return f"<figure>{svg_of(figure)}<figcaption>latency, to the slowest answer</figcaption></figure>"


def timeline(group, entries):
    """Phases, one after the other."""
    figure, axes = pyplot.subplots(figsize=(8, 0.6 + 0.34 * len(entries)))
    begin = 0
    for at, entry in enumerate(entries):
        axes.barh(len(entries) - at, entry["value"], left=begin, height=0.7, color=OURS)
        axes.annotate(f"{entry['title']}: {number(entry['value'])} {entry['unit']}",
                      (begin + entry["value"], len(entries) - at), xytext=(4, 0),
                      textcoords="offset points", va="center", fontsize=9)
        begin += entry["value"]
    axes.set_yticks([])
    axes.set_xlabel(entries[0]["unit"])
    axes.margins(x=0.35)
    axes.set_xlim(left=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    return f"<figure>{svg_of(figure)}<figcaption>{text(group['title'])}</figcaption></figure>"


def pictures(part):
    if pyplot is None:
        return ""
    known = {figure["name"]: figure for figure in part["figures"]}
    drawn = []
    for group in part["groups"]:
        entries = [known[name] for name in group["figures"]
                   if name in known and known[name]["value"] is not None]
        if entries:
            drawn.append((timeline if group["kind"] == "timeline" else bars)(group, entries))
    loads = {}
    for figure in part["figures"]:
        if figure.get("latency_ms"):
            loads.setdefault(figure["name"].rpartition(".")[2], []).append(figure)
    drawn += [latency_curves(entries) for entries in loads.values()]
    return "".join(drawn)


# ---- the page ----------------------------------------------------------------------------------

def section(part):
    state = "" if part["status"] == "measured" else (
        f"<p class={'missed' if part['status'] == 'failed' else 'absent'}>{text(part['status'])}: "
        f"{text(part.get('reason', ''))}</p>")
    where = f"<p class=note>CPUs: {text(part['affinity'])}</p>" if part["figures"] else ""
    return (f"<section id=\"{text(part['name'])}\"><h2>{text(part['title'])}</h2>{state}{where}"
            f"{ratios(part)}{figures_table(part['figures'])}{pictures(part)}</section>")


def stand_beside(parts):
    """Guest instructions of a request stand beside the times of the same server and file, too."""
    figures = {figure["name"]: figure for part in parts for figure in part["figures"]}
    for name, figure in figures.items():
        server = name.removeprefix("http.instructions.")
        if server != name and figure["value"] and (times := figures.get(f"http.{server}.30")):
            times["instructions"] = figure["value"]


def page(document):
    stand_beside(document["parts"])
    goals = document["goals"]
    met = sum(goal["met"] is True for goal in goals)
    missed = sum(goal["met"] is False for goal in goals)
    without = "" if pyplot else "<p class=absent>No pictures: matplotlib is not installed.</p>"
    return ("<!DOCTYPE html><html lang=en><head><meta charset=utf-8>"
            "<meta name=viewport content=\"width=device-width\"><title>Coracle, measured</title>"
            f"<style>{STYLE}</style></head><body><h1>Coracle, measured</h1>"
            f"<p>{met} goals met, {missed} missed, {len(goals) - met - missed} not measured. Compare "
            f"figures of this page only with one another: machines differ.</p>{without}"
            f"{goals_table(goals)}<h2>Where</h2>{machine_table(document)}"
            f"{''.join(map(section, document['parts']))}</body></html>\n")


def write(results_path, report_path):
    document = json.loads(pathlib.Path(results_path).read_text())
    pathlib.Path(report_path).write_text(page(document))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    write(*sys.argv[1:])
