# SPDX-License-Identifier: BSD-2-Clause
"""Sees to it that a run of the benchmarks leaves nothing behind, however it ends: no process, no
network namespace (and so no tap), no file. Whoever loses its parent becomes a child of the run, the
namespaces bear the run's number, and all temporary files lie in one folder; what a fetch script of the
run was unpacking lies in the cache."""
import ctypes
import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

PR_SET_CHILD_SUBREAPER = 36
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def parent_of(pid):
    """The number of a process's parent; 0 if it has ended."""
    try:
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def children(of):
    """The processes whose parent is one of `of`."""
    everybody = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    return [pid for pid in everybody if parent_of(pid) in of]


def family(pid):
    """A process and all below it."""
    found, newest = [pid], [pid]
    while newest:
        newest = children(newest)
        found += newest
    return found


def end_processes():
    """Kills what the run has started, until there is none left."""
    while left := children([os.getpid()]):
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        for pid in left:
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                pass


def remove_namespaces():
    """In a session of its own, where a key pressed again does not reach it."""
    mine = f"coracle-{os.getpid()}-"  # as harness.tap_namespace calls them
    folder = pathlib.Path("/run/netns")
    for name in os.listdir(folder) if folder.is_dir() else ():
        if name.startswith(mine):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False,
                           start_new_session=True)


def remove_fetched(cache, interrupted):
    """What a fetch script that was killed leaves (scripts/private-apt), unless another one is at work; its
    log stays for who is told of it."""
    try:
        lock = open(cache / ".fetch-lock", "rb")
    except OSError:
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return
        for path in (cache / "apt", *cache.glob("fetch.??????")):
            shutil.rmtree(path, ignore_errors=True)
        if interrupted:
            (cache / "fetch.log").unlink(missing_ok=True)


def big_file(folder, name):
    """Where a file may lie that is too big for the folder of temporary files."""
    return folder / f"{name}-{os.getpid()}"


class Run:
    """`with Run(folder, cache) as run`: what is inside may start and make things, which are gone at the
    end; a signal becomes one KeyboardInterrupt there, `run.interrupted` tells of it, and later ones do
    not disturb the tidying. `folder` holds the big files, `cache` what is fetched."""

    def __init__(self, folder, cache):
        self.folder, self.cache = folder, cache
        self.interrupted = self.over = False

    def _signalled(self, number, _frame):
        if not self.interrupted and not self.over:
            self.interrupted = True
            raise KeyboardInterrupt(number)

    def __enter__(self):
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.work = tempfile.mkdtemp(prefix="coracle-bench-")
        tempfile.tempdir = os.environ["TMPDIR"] = self.work
        for number in SIGNALS:
            signal.signal(number, self._signalled)
        return self

    def listen(self):
        """From here on signals arrive: what calls this catches KeyboardInterrupt."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def finish(self):
        """Nothing is left to interrupt."""
        self.over = True

    def __exit__(self, *_):
        self.over = True
        end_processes()
        remove_namespaces()
        remove_fetched(self.cache, self.interrupted)
        for path in self.folder.glob(f"*-{os.getpid()}"):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.work, ignore_errors=True)
