# SPDX-License-Identifier: BSD-2-Clause
"""A small Linux in memory: an archive of files that a kernel unpacks as its first file system. For
the test bed of Xen and for the Linux guests that bench/ compares with."""
import os
import pathlib
import re
import stat
import subprocess


class Archive:
    """A cpio archive as Linux takes it for its first file system."""

    def __init__(self):
        self.parts, self.known, self.bytes = [], set(), 0

    def _add(self, path, mode, data):
        name = path.encode() + b"\0"
        fields = [len(self.known) + 1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0]
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + name
        for part in (head, data):
            self.parts += [part, bytes(-len(part) % 4)]
            self.bytes += len(part) + 3
        self.known.add(path)

    def folder(self, path):
        if path and path not in self.known:
            self.folder(os.path.dirname(path))
            self._add(path, stat.S_IFDIR | 0o755, b"")

    def put(self, path, data, mode=0o755):
        path = path.lstrip("/")
        if path not in self.known:
            self.folder(os.path.dirname(path))
            self._add(path, stat.S_IFREG | mode, data)

    def copy(self, path, source):
        self.put(path, pathlib.Path(source).read_bytes())

    def link(self, path, target):
        self.folder(os.path.dirname(path))
        self._add(path, stat.S_IFLNK | 0o777, target.encode())

    def write(self, file):
        self._add("TRAILER!!!", 0, b"")
        file.write(b"".join(self.parts))


def libraries_of(path):
    listed = subprocess.run(["readelf", "-d", str(path)], check=True, capture_output=True, text=True)
    return re.findall(r"\(NEEDED\).*\[(.*)\]", listed.stdout)
