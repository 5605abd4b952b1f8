# SPDX-License-Identifier: BSD-2-Clause
"""Other unikernels, where their tools are found on the PATH: exec to exit beside hello on native, by turns, and
the least memory, by bisection. A tool boots nothing by itself: its image (a program that says a line
and ends) is named by a variable of the environment."""
import functools
import os
import subprocess

from harness import CORACLE, app
from host import Part, need_kvm, need_program, version
from measure import NotMeasured, alternate, few, run, seconds_of, shown

MEBIBYTES_MOST = 64
# tool, variable that names its image, how it is asked for its version, how it boots an image with so
# many MiB
TOOLS = (("solo5-hvt", "SOLO5_IMAGE", "--version",
          lambda image, mebibytes: ["solo5-hvt", f"--mem={mebibytes}", image]),
         ("kraft", "KRAFT_IMAGE", "version",
          lambda image, mebibytes: ["kraft", "run", "--rm", "--log-type", "basic", "--memory",
                                    f"{mebibytes}Mi", image]))


def least_mebibytes(words):
    """With which the image still ends with status 0."""
    low, high = 0, MEBIBYTES_MOST
    while high - low > 1:
        middle = (low + high) // 2
        try:
            status = subprocess.run(words(middle), stdin=subprocess.DEVNULL, capture_output=True,
                                    check=False, timeout=20).returncode
        except subprocess.TimeoutExpired:
            status = 1
        low, high = (low, middle) if status == 0 else (middle, high)
    if high == MEBIBYTES_MOST:
        run(words(high))  # raises, with what it said, if it never works
    return high


def measure(results, tool, variable, asked, command):
    need_program(tool)
    image = os.environ.get(variable)
    if not image:
        raise NotMeasured(f"{tool} is installed, but {variable} names no image")
    words = functools.partial(command, image)
    results.machine.setdefault("versions", {})[tool] = version(tool, asked)
    commands = {tool: words(MEBIBYTES_MOST)}
    try:
        need_kvm()
        commands["hello"] = [CORACLE, "run", "--on", "native", app("hello")]
    except NotMeasured:
        pass
    samples = alternate({name: functools.partial(seconds_of, words)
                         for name, words in commands.items()}, few(5, 50), warm=1)
    for name in commands:
        results.figure(f"boot.{tool}.{name}", f"{name}, exec to exit", "ms",
                       samples=[value * 1e3 for value in samples[name]], command=shown(commands[name]))
    results.group("bars", f"exec to exit beside {tool}", [f"boot.{tool}.{name}" for name in commands],
                  over={f"boot.{tool}.hello": f"boot.{tool}.{tool}"})
    if os.path.isfile(image):
        results.figure(f"size.{tool}", f"the image of {tool}", "KiB", value=os.path.getsize(image) / 1024,
                       command=shown(["stat", "-c", "%s", image]))
    least = least_mebibytes(words)
    results.figure(f"memory.{tool}", f"least memory of the image of {tool}", "MiB", value=least,
                   command=shown(words(least)))


PARTS = tuple(Part(tool, f"another unikernel, by {tool}",
                   functools.partial(measure, tool=tool, variable=variable, asked=asked,
                                     command=command), 0, 0)
              for tool, variable, asked, command in TOOLS)
