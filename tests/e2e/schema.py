# SPDX-License-Identifier: BSD-2-Clause
"""bench/results.schema.json against what a run really writes. `wrong` knows the words of JSON Schema that the
file uses, and takes no others, so that nothing in it goes unchecked; its own tests show that it refuses."""
import copy
import json
import re

from bench import built, bench, results_of
from bench_report import sample
from harness import BUILD, ROOT, check, equal
from report import colour

SCHEMA = json.loads((ROOT / "bench" / "results.schema.json").read_text())
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int,
         "number": (int, float), "null": type(None)}
WORDS = {"$schema", "title", "$defs", "$ref", "type", "required", "properties", "additionalProperties",
         "items", "enum", "const", "pattern", "minimum", "anyOf"}


def is_a(value, kind):
    return isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def wrong_scalar(value, schema):
    """What a value's own words refuse."""
    if "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(is_a(value, kind) for kind in kinds):
            return f"{value!r} is no {' or '.join(kinds)}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{value!r} is none of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        return f"{value!r} is not {schema['const']!r}"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return f"{value!r} does not match {schema['pattern']}"
    if "minimum" in schema and value < schema["minimum"]:
        return f"{value!r} is below {schema['minimum']}"
    return None


def wrong_members(value, schema):
    """(place, words) of what an object's members refuse."""
    for name in schema.get("required", ()):
        if name not in value:
            yield "", f"there is no {name}"
    others = schema.get("additionalProperties", True)
    for name, member in value.items():
        if name in schema.get("properties", {}):
            yield from wrong(member, schema["properties"][name], f".{name}")
        elif others is False:
            yield "", f"nobody knows {name}"
        elif others is not True:
            yield from wrong(member, others, f".{name}")


def wrong(value, schema, place=""):
    """Everything that is wrong: (place, words)."""
    equal(sorted(set(schema) - WORDS), [], "words of the schema that nobody checks")
    if "$ref" in schema:
        yield from wrong(value, SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")], place)
        return
    if "anyOf" in schema:
        tries = [list(wrong(value, one, place)) for one in schema["anyOf"]]
        yield from min(tries, key=len)
        return
    words = wrong_scalar(value, schema)
    if words:
        yield place, words
        return
    inside = wrong_members(value, schema) if isinstance(value, dict) else (
        found for at, item in enumerate(value) for found in wrong(item, schema.get("items", {}), f"[{at}]")
    ) if isinstance(value, list) else ()
    for where, words in inside:
        yield place + where, words


def consistent(document):
    """What a schema cannot say: names are unique, spreads belong to samples, pictures to figures."""
    names = [figure["name"] for part in document["parts"] for figure in part["figures"]]
    equal(sorted(name for name in set(names) if names.count(name) > 1), [], "names that occur twice")
    for part in document["parts"]:
        check(part["status"] == "measured" or part.get("reason"), f"{part['name']} gives no reason")
        if any("taskset -c" in figure.get("command", "") for figure in part["figures"]):
            check(not part["affinity"].startswith("not pinned"), f"{part['name']} does not tell its CPUs")
        known = {figure["name"] for figure in part["figures"]}
        for group in part["groups"]:
            compared = group.get("over", {})
            check({*compared, *compared.values()} <= set(group["figures"]), f"ratios of {group}")
            systems = {colour(name) for name in group["figures"] if name in known}
            check(compared or len(systems) <= 1, f"{group['title']} compares systems, and has no ratio")
        for figure in part["figures"]:
            if figure["value"] is not None:
                check(figure["least"] <= figure["value"] <= figure["most"], f"spread of {figure['name']}")
                equal((figure["least"], figure["most"]), (min(figure["samples"]), max(figure["samples"])),
                      f"spread of {figure['name']}")
                check(not figure["command"].startswith("make "), f"no command of {figure['name']}")
            for one, all_ in (("latency_ms", "latency_samples_ms"), ("cpu_us_per_request", "cpu_samples_us")):
                equal(one in figure, all_ in figure, f"{one} of {figure['name']} without all samples")


def test_run():
    """A short run with parts of every kind: measured, with samples, without, absent, failed."""
    with built() as work:
        (work / "b" / "apps" / "httpd").unlink()
        (work / "b" / "apps" / "httpd").write_text("no image")
        for name in ("floor", "null-hypercall", "port-exit", "step", "insn.so", "touch.so"):
            (work / "b" / "bench" / name).symlink_to(BUILD / "bench" / name)
        result = bench(work, "boot-native", "boot-phases", "count-native", "count-qemu", "size", "idle",
                       "hypercall", "domains", "solo5-hvt")
        equal(result.status, 0, f"status ({result.err})")
        document = results_of(work)
        equal(list(wrong(document, SCHEMA)), [], "what the schema refuses")
        consistent(document)
        check(any(part["status"] == "failed" for part in document["parts"]), "no part has failed")
        check(document["machine"]["versions"]["coracle"], "the version is not told")


def test_sample():
    """What the report's tests draw is a results file, too, but for its words."""
    document = sample()
    document.update(begun="2026-01-01T00:00:00Z", commit=None)
    document["machine"]["kvm"] = "none"
    for goal in document["goals"]:
        goal["command"] = "make bench ONLY=x"
    equal(list(wrong(document, SCHEMA)), [], "what the schema refuses")


def test_refuses():
    good = sample()
    good.update(begun="2026-01-01T00:00:00Z", commit="0" * 40 + " with changes")
    good["machine"]["kvm"] = "none"
    for goal in good["goals"]:
        goal["command"] = "make bench ONLY=x"
    for change in (lambda d: d.pop("machine"), lambda d: d.update(schema=3), lambda d: d.update(quick=1),
                   lambda d: d.update(more=1), lambda d: d.update(begun="yesterday"),
                   lambda d: d.update(commit="main"), lambda d: d.pop("commit"),
                   lambda d: d["parts"][0]["figures"][1].pop("samples"),
                   lambda d: d.update(seconds=-1), lambda d: d["machine"].update(kvm="perhaps"),
                   lambda d: d["machine"]["versions"].update(qemu=7),
                   lambda d: d["goals"][0].update(value="3"), lambda d: d["goals"][0].pop("limit"),
                   lambda d: d["goals"][0].update(command="make"),
                   lambda d: d["parts"][0].update(status="fine"),
                   lambda d: d["parts"][0]["figures"][0].pop("command"),
                   lambda d: d["parts"][0]["figures"][0].update(samples=[1, None]),
                   lambda d: d["parts"][0]["figures"][2].pop("reason"),
                   lambda d: d["parts"][0]["figures"][3]["latency_ms"].pop("100"),
                   lambda d: d["parts"][0]["groups"][0].update(kind="pie"),
                   lambda d: d["parts"][0]["groups"][0].update(over={"a.one": 1})):
        bad = copy.deepcopy(good)
        change(bad)
        check(list(wrong(bad, SCHEMA)), f"a change is not noticed: {json.dumps(bad)[:300]}")
