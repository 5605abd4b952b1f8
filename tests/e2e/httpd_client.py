# SPDX-License-Identifier: BSD-2-Clause
"""What the checks of httpd are written with: files to serve, a client that can misbehave."""
import os
import random
import re
import socket
import struct
import urllib.parse

HANG_S = 60


def expect(condition, *what):
    if not condition:
        raise AssertionError(" ".join(str(w) for w in what))


# ---- the files to serve -----------------------------------------------------------------------

SIZES = [0, 1, 511, 512, 513, 4095, 4096, 4097, 16383, 16384, 16385, 65536, 1048583]
LONG = "long-" + "n" * 180 + ".bin"
DEEP = "/".join(f"level-{i:02}-of-a-rather-long-path" for i in range(8)) + "/deep.txt"


def prepare(root):
    rng = random.Random(20)

    def put(name, data):
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)
        os.utime(path, (1700000000, 1700000000 + len(data) % 1000))

    put("index.html", b"<!doctype html><title>checks</title><p>the root's index\n")
    put("sub/index.html", b"<!doctype html><title>checks</title><p>the sub-directory's index\n")
    put("sub/a b.txt", b"a name with a space\n")
    put("noindex/file.txt", b"a directory without an index\n")
    put("names/\u00e4\u00f6\u00fc \u2603.txt", "UTF-8 in a name\n".encode())
    put("names/100%+#&;'.txt", b"a name that must be escaped\n")
    put("style.css", b"body { margin: 0 }\n")
    put("image.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>\n")
    put("data.json", b"{}\n")
    put("noending", b"no ending\n")
    put(LONG, rng.randbytes(3000))
    put(DEEP, b"deep\n")
    for size in SIZES:
        put(f"random/{size}.bin", rng.randbytes(size))
    put("random/big.bin", rng.randbytes(6 << 20))
    os.symlink("index.html", os.path.join(root, "link.html"))
    os.symlink("sub", os.path.join(root, "linkdir"))


def all_files(root):
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            yield os.path.relpath(os.path.join(folder, name), root)


# ---- a client that can misbehave --------------------------------------------------------------

class Answer:
    def __init__(self, status, version, fields, body):
        self.status, self.version, self.fields, self.body = status, version, fields, body

    def get(self, name, default=None):
        return self.fields.get(name.lower(), default)


class Client:
    """A TCP connection; sends any bytes, reads answers one after the other."""

    def __init__(self, site, rcvbuf=0):
        self.sock = socket.socket(site.family, socket.SOCK_STREAM)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(HANG_S)
        self.sock.connect(site.address)
        self.buf = b""
        self.was_reset = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def more(self):
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            data = b""
            self.was_reset = True
        self.buf += data
        return len(data) > 0

    def answer(self, head=False):
        while b"\r\n\r\n" not in self.buf:
            expect(self.more(), "connection closed instead of an answer, got", self.buf[:80])
        start, _, self.buf = self.buf.partition(b"\r\n\r\n")
        lines = start.decode("latin-1").split("\r\n")
        match = re.fullmatch(r"(HTTP/1\.1) (\d\d\d) ([\w ]+)", lines[0])
        expect(match, "bad status line", lines[0])
        fields = {}
        for line in lines[1:]:
            name, colon, value = line.partition(": ")
            expect(colon and name.lower() not in fields, "bad or repeated field", line)
            fields[name.lower()] = value
        status = int(match[2])
        length = 0 if head or status == 304 else int(fields["content-length"])
        while len(self.buf) < length:
            expect(self.more(), "body too short:", len(self.buf), "of", length)
        body, self.buf = self.buf[:length], self.buf[length:]
        return Answer(status, match[1], fields, body)

    def at_end(self):
        return self.buf == b"" and not self.more()

    def reset(self):
        """Closes with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Site:
    def __init__(self, host, port, root, connections, kernel):
        info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self.family, self.address = info[0], info[4]
        self.host, self.port, self.root = host, port, root
        self.connections, self.kernel = connections, kernel
        self.base = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def client(self, **kw):
        return Client(self, **kw)

    def content(self, name):
        with open(os.path.join(self.root, name), "rb") as f:
            return f.read()

    def mtime(self, name):
        return int(os.stat(os.path.join(self.root, name)).st_mtime)

    def ask(self, target, method="GET", fields="", version="1.1"):
        """One request on a connection of its own."""
        with self.client() as c:
            c.send(request(target, method, fields, version))
            return c.answer(head=method == "HEAD")


def request(target, method="GET", fields="", version="1.1"):
    host = "Host: test\r\n" if version == "1.1" else ""
    return f"{method} {target} HTTP/{version}\r\n{host}{fields}\r\n".encode("latin-1")


def url_of(name):
    return "/" + urllib.parse.quote(name)
