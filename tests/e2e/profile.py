# SPDX-License-Identifier: BSD-2-Clause
"""--profile: the shares of a program whose work is known, and files that inspect must refuse."""
import shutil

from harness import CORACLE, app, check, contains, coracle, equal, folder, guest, run, user_error


def folded(path, image):
    """What inspect prints: {stack: count}."""
    result = run([CORACLE, "inspect", "--profile", str(path), str(image)])
    equal(result.status, 0, f"status of inspect ({result.err})")
    lines = [line.rsplit(" ", 1) for line in result.out.splitlines()]
    counts = [int(count) for stack, count in lines if not stack.startswith("[")]
    equal(counts, sorted(counts, reverse=True), "order by count")
    return {stack: int(count) for stack, count in lines}


def check_shares(on):
    """Three quarters of the work under one function, a quarter under the other; a sleep."""
    with folder() as work:
        image = guest("profiled")
        result = coracle("--on", on, "--profile", work / "p", image)
        equal(result.status, 0, f"status ({result.err})")
        equal(result.out, "ok\n", "standard output")
        check("coracle-profile" not in result.err, f"marks on standard error: {result.err!r}")
        stacks = folded(work / "p", image)
    often, seldom = (sum(count for stack, count in stacks.items()
                         if stack.startswith("main;") and f";main;{name};work" in stack)
                     for name in ("often", "seldom"))
    check(often + seldom >= 100, f"few samples: {stacks}")
    check(0.55 < often / (often + seldom) < 0.92, f"not three quarters: {stacks}")
    check(stacks.get("[idle]", 0) >= 20, f"the sleep is not seen: {stacks}")


def test_native():
    check_shares("native")


def test_microvm():
    check_shares("microvm")


def test_q35():
    check_shares("q35")


def test_pthread_exit():
    """Neither the profiler's thread nor the network's keeps a program alive whose last one has ended."""
    for on in ("native", "microvm"):
        with folder() as work:
            result = coracle("--on", on, "--net", "user", "--profile", work / "p",
                             guest("pthread_exit_net"))
            equal((result.status, result.out), (0, "ok\n"), f"status and output ({result.err})")
            folded(work / "p", guest("pthread_exit_net"))


def test_rate():
    with folder() as work:
        counts = []
        for rate in (20, 400):
            equal(coracle("--profile", work / "p", "--profile-rate", rate, guest("profiled")).status,
                  0, "status")
            contains((work / "p").read_text(), f"rate {rate}\n", "the file")
            counts.append(sum(folded(work / "p", guest("profiled")).values()))
    check(5 <= counts[0] <= 60 and counts[1] > 4 * counts[0], f"samples {counts}")


def test_off():
    result = coracle(guest("profiled"))
    equal((result.status, result.err), (0, ""), "status and standard error")


def test_wrong_options():
    for rate in ("", "0", "-1", "10001", "9x"):
        user_error(coracle("--profile", "/dev/null", "--profile-rate", rate, app("hello")), rate)
    user_error(coracle("--profile", "/nowhere/p", app("hello")), "--profile /nowhere/p")
    user_error(run([CORACLE, "inspect", "--profile", app("hello")]), "IMAGE")
    user_error(run([CORACLE, "inspect", "--profile-rate", "9", app("hello")]), "--profile-rate")


def test_wrong_files():
    def refused(path, word, image=app("hello")):
        user_error(run([CORACLE, "inspect", "--profile", str(path), image]), str(path), word)

    with folder() as work:
        equal(coracle("--profile", work / "p", app("hello")).status, 0, "status")
        folded(work / "p", app("hello"))
        whole = (work / "p").read_bytes()
        (work / "short").write_bytes(whole[:-4])
        refused(work / "short", "end is missing")
        (work / "bad").write_bytes(whole[:-4] + b"stack x\nend\n")
        refused(work / "bad", "damaged")
        refused(work / "none", "No such file")
        refused(work, "not a profile")
        refused(app("hello"), "not a profile")
        refused(work / "p", "another image", app("httpd"))


def test_stripped_image():
    """It runs stripped; its names come from the image with symbols."""
    with folder() as work:
        run([shutil.which("strip"), "-o", str(work / "bare"), guest("profiled")])
        equal(coracle("--profile", work / "p", work / "bare").status, 0, "status")
        check(any("often" in stack for stack in folded(work / "p", guest("profiled"))), "no names")
        user_error(run([CORACLE, "inspect", "--profile", str(work / "p"), str(work / "bare")]),
                   "no symbols")
