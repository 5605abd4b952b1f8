#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks a running httpd from outside, over TCP, against the directory that it serves.

    httpd_checks.py --prepare DIR            fill DIR with files worth serving
    httpd_checks.py HOST PORT DIR [-k] [-n CONNECTIONS]

One line per check, "ok NAME" or "FAIL NAME: why", then the counts; exit status 0 if none failed.
-k demands the kernel's counters on /metrics. Time-outs only guard against hanging.
"""
import argparse
import email.utils
import http.client
import random
import re
import resource
import selectors
import shutil
import socket
import subprocess
import sys
import time
import traceback

from httpd_client import HANG_S, Site, all_files, expect, prepare, request, url_of

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


# ---- files ------------------------------------------------------------------------------------

@check
def files_by_http_client(site):
    connection = http.client.HTTPConnection(site.host, site.port, timeout=HANG_S)
    for name in all_files(site.root):
        connection.request("GET", url_of(name))
        answer = connection.getresponse()
        body = answer.read()
        expect(answer.status == 200, name, answer.status)
        expect(body == site.content(name), name, "differs,", len(body), "bytes")
    connection.close()


@check
def files_by_curl(site):
    expect(shutil.which("curl"), "curl is not installed")
    for name in list(all_files(site.root))[:40]:
        done = subprocess.run(["curl", "-sfg", "--max-time", str(HANG_S), site.base + url_of(name)],
                              stdout=subprocess.PIPE, check=False)
        expect(done.returncode == 0, name, "curl:", done.returncode)
        expect(done.stdout == site.content(name), name, "differs")


@check
def head_has_no_body(site):
    for name in ("index.html", "random/big.bin", "random/0.bin"):
        with site.client() as c:
            c.send(request(url_of(name), "HEAD") + request("/index.html"))
            head = c.answer(head=True)
            expect(head.status == 200, head.status)
            expect(int(head.get("content-length")) == len(site.content(name)), name)
            expect(c.answer().body == site.content("index.html"), "the next answer is wrong")
    with site.client() as c:
        c.send(request("/nothing", "HEAD") + request("/index.html"))
        expect(c.answer(head=True).status == 404)
        expect(c.answer().status == 200)


@check
def media_types(site):
    for name, media in (("index.html", "text/html; charset=utf-8"), ("image.svg", "image/svg+xml"),
                        ("style.css", "text/css; charset=utf-8"), ("data.json", "application/json"),
                        ("sub/a%20b.txt", "text/plain; charset=utf-8"),
                        ("noending", "application/octet-stream")):
        got = site.ask("/" + name).get("content-type")
        expect(got == media, name, got)


@check
def index_and_redirects(site):
    expect(site.ask("/").body == site.content("index.html"), "/")
    expect(site.ask("/?query").body == site.content("index.html"), "/?query")
    expect(site.ask("/sub/").body == site.content("sub/index.html"), "/sub/")
    for target, location in (("/sub", "/sub/"), ("/sub?a=b", "/sub/?a=b"), ("//sub", "/sub/"),
                             ("/linkdir", "/linkdir/"), ("/./names", "/names/")):
        answer = site.ask(target)
        expect((answer.status, answer.get("location")) == (301, location), target, answer.status,
               answer.get("location"))
    expect(site.ask("/noindex/").status == 404, "/noindex/")
    expect(site.ask("/Metrics").status == 404, "/Metrics")
    expect(site.ask("/index.html/").status == 404, "/index.html/")


@check
def links_and_odd_names(site):
    expect(site.ask("/link.html").body == site.content("index.html"))
    expect(site.ask("/linkdir/a%20b.txt").body == site.content("sub/a b.txt"))
    expect(site.ask("/%73ub//./a%20b.txt").body == site.content("sub/a b.txt"))
    expect(site.ask("http://test/sub/").body == site.content("sub/index.html"), "absolute form")
    expect(site.ask("/" + "x" * 300).status == 404, "long name")
    expect(site.ask("/" + "x/" * 2000).status == 414, "long path")
    expect(site.ask("/" + "x" * 9000).status == 414, "long target")


@check
def traversal_refused(site):
    for target in ("/../etc/passwd", "/sub/../index.html", "/%2e%2e/etc/passwd", "/.%2E/", "/..",
                   "/sub/..%2findex.html", "/sub%2findex.html", "/index.html%00.txt", "/%", "/%4",
                   "/%zz", "/sub/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/..;/", "/....//",
                   "/%252e%252e/etc/passwd", "/..\\..\\etc\\passwd"):
        answer = site.ask(target)
        expect(answer.status in (400, 404), target, answer.status)
    for target in ("/proc/metrics", "/proc", "/dev/blk0", "/dev/null", "/tmp/", "/etc/passwd"):
        expect(site.ask(target).status == 404, target)


# ---- ranges and conditions --------------------------------------------------------------------

@check
def ranges(site):
    for name in ("random/16385.bin", "random/4096.bin", "random/big.bin"):
        data = site.content(name)
        size = len(data)
        for first, last in ((0, 0), (0, 499), (500, 999), (size - 1, size - 1), (1, size - 2)):
            answer = site.ask(url_of(name), fields=f"Range: bytes={first}-{last}\r\n")
            expect(answer.status == 206, name, first, last, answer.status)
            expect(answer.body == data[first:last + 1], name, first, last, "differs")
            expect(answer.get("content-range") == f"bytes {first}-{last}/{size}",
                   answer.get("content-range"))
        for value, part in (("7-", data[7:]), ("-7", data[-7:]), (f"-{size + 9}", data),
                            (f"3-{size + 9}", data[3:]), ("3-99999999999999999999999", data[3:])):
            answer = site.ask(url_of(name), fields=f"Range: bytes={value}\r\n")
            expect(answer.status == 206 and answer.body == part, name, value, answer.status)


@check
def ranges_outside_or_odd(site):
    data = site.content("random/513.bin")
    for value in ("513-", "600-700", "-0", "99999999999999999999999-"):
        answer = site.ask("/random/513.bin", fields=f"Range: bytes={value}\r\n")
        expect(answer.status == 416, value, answer.status)
        expect(answer.get("content-range") == "bytes */513", value, answer.get("content-range"))
    for value in ("bytes=0-1,5-6", "bytes=5-2", "bytes=", "bytes=-", "bytes=a-b", "bytes=1",
                  "x=0-1", "bytes=1-2x", "bytes"):
        answer = site.ask("/random/513.bin", fields=f"Range: {value}\r\n")
        expect(answer.status == 200 and answer.body == data, value, answer.status)
    expect(site.ask("/random/0.bin", fields="Range: bytes=0-\r\n").status == 416, "empty file")
    answer = site.ask("/random/513.bin", "HEAD", "Range: bytes=0-1\r\n")
    expect(answer.status == 200, "HEAD with a range", answer.status)


@check
def random_ranges(site):
    rng = random.Random(7)
    data = site.content("random/1048583.bin")
    with site.client() as c:
        for _ in range(60):
            first = rng.randrange(len(data))
            last = rng.randrange(first, len(data))
            c.send(request("/random/1048583.bin", fields=f"Range: bytes={first}-{last}\r\n"))
            expect(c.answer().body == data[first:last + 1], first, last)


@check
def conditions(site):
    full = site.ask("/random/512.bin")
    tag, modified = full.get("etag"), full.get("last-modified")
    stamp = site.mtime("random/512.bin")
    expect(re.fullmatch(r'"[^"]+"', tag), tag)
    expect(modified == email.utils.formatdate(stamp, usegmt=True), modified)
    before = email.utils.formatdate(stamp - 1, usegmt=True)
    after = time.strftime("%a %b %e %H:%M:%S %Y", time.gmtime(stamp + 1))
    rfc850 = time.strftime("%A, %d-%b-%y %H:%M:%S GMT", time.gmtime(stamp))
    for fields, status in (
            (f"If-None-Match: {tag}", 304), (f'If-None-Match: "x", W/{tag}', 304),
            ("If-None-Match: *", 304), ('If-None-Match: "x"', 200), ("If-None-Match: x", 200),
            (f"If-Modified-Since: {modified}", 304), (f"If-Modified-Since: {after}", 304),
            (f"If-Modified-Since: {rfc850}", 304), (f"If-Modified-Since: {before}", 200),
            ("If-Modified-Since: yesterday", 200),
            (f'If-None-Match: "x"\r\nIf-Modified-Since: {modified}', 200),
            (f"If-Match: {tag}", 200), ('If-Match: "x"', 412), (f"If-Match: W/{tag}", 412),
            ("If-Match: *", 200), (f"If-Unmodified-Since: {before}", 412),
            (f"If-Unmodified-Since: {modified}", 200),
            (f"Range: bytes=0-1\r\nIf-Range: {tag}", 206),
            (f"Range: bytes=0-1\r\nIf-Range: W/{tag}", 200),
            ('Range: bytes=0-1\r\nIf-Range: "x"', 200),
            (f"Range: bytes=0-1\r\nIf-Range: {modified}", 206),
            (f"Range: bytes=0-1\r\nIf-Range: {before}", 200)):
        with site.client() as c:
            c.send(request("/random/512.bin", fields=fields + "\r\n") + request("/"))
            answer = c.answer()
            expect(answer.status == status, fields, answer.status)
            expect(answer.get("etag") == tag or status == 412, fields, "ETag")
            expect(c.answer().status == 200, fields, "spoilt the connection")


# ---- connections ------------------------------------------------------------------------------

@check
def keep_alive(site):
    with site.client() as c:
        for name in list(all_files(site.root))[:30]:
            c.send(request(url_of(name)))
            expect(c.answer().body == site.content(name), name)
        c.send(request("/nothing") + request("/", "DELETE"))
        expect(c.answer().status == 404 and c.answer().status == 405)
        c.send(request("/", fields="Connection: foo, Close\r\n"))
        expect(c.answer().get("connection") == "close" and c.at_end(), "did not close")
    with site.client() as c:
        c.send(request("/", version="1.0", fields="Connection: keep-alive\r\n"))
        expect(c.answer().get("connection").lower() == "keep-alive")
        c.send(request("/", version="1.0"))
        expect(c.answer().get("connection") == "close" and c.at_end(), "1.0 did not close")


@check
def pipelining(site):
    names = [n for n in all_files(site.root) if "big" not in n] * 4
    random.Random(3).shuffle(names)
    names.insert(5, "random/big.bin")
    with site.client() as c:
        c.send(b"".join(request(url_of(n)) for n in names))
        for name in names:
            expect(c.answer().body == site.content(name), name)


@check
def pipelining_in_pieces(site):
    data = b"\r\n".join(request("/sub/") for _ in range(5))
    with site.client() as c:
        c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(0, len(data), 3):
            c.send(data[i:i + 3])
        for _ in range(5):
            expect(c.answer().body == site.content("sub/index.html"))
        long = request("/sub/", fields="X: " + "x" * 2000 + "\r\n")
        c.send(long[:-20])
        time.sleep(0.2)
        c.send(long[-20:])
        expect(c.answer().body == site.content("sub/index.html"), "long")
        c.send(request("/"))
        expect(c.answer().body == site.content("index.html"), "short after long")


@check
def half_closed_client(site):
    with site.client() as c:
        c.send(request("/random/big.bin") + request("/"))
        c.sock.shutdown(socket.SHUT_WR)
        expect(c.answer().body == site.content("random/big.bin"))
        expect(c.answer().status == 200 and c.at_end())


@check
def request_bodies(site):
    with site.client() as c:
        body = request("/smuggled")
        c.send(request("/", fields=f"Content-Length: {len(body)}\r\n") + body)
        c.send(request("/", "POST", "Content-Length: 40000\r\n") + bytes(40000) + request("/sub/"))
        expect([c.answer().status for _ in range(3)] == [200, 405, 200])
    with site.client() as c:
        c.send(request("/", "POST", "Content-Length: 10\r\nExpect: 100-continue\r\n"))
        expect(c.answer().status == 405 and c.at_end())
    with site.client() as c:
        c.send(request("/", "POST", "Content-Length: 5000000\r\n") + bytes(100000))
        answer = c.answer()
        expect(answer.status == 413 and answer.get("connection") == "close", answer.status)


@check
def methods(site):
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "get", "X-ODD!"):
        answer = site.ask("/", method)
        expect(answer.status == 405 and answer.get("allow") == "GET, HEAD", method, answer.status)
    expect(site.ask("*", "OPTIONS").status == 405, "OPTIONS *")
    expect(site.ask("test:80", "CONNECT").status == 405, "CONNECT")


BAD = [
    ("no version", b"GET /\r\n\r\n", 400),
    ("two spaces", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("trailing space", b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
    ("tab", b"GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("empty line twice", b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("no method", b" / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("bad method", b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("bad version", b"GET / HTTP/1.x\r\nHost: a\r\n\r\n", 400),
    ("lower case", b"GET / http/1.1\r\nHost: a\r\n\r\n", 400),
    ("version 2", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    ("version 0.9", b"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505),
    ("no slash", b"GET index.html HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("asterisk", b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("fragment", b"GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("8-bit target", b"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("NUL in target", b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("NUL in value", b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 400),
    ("control in value", b"GET / HTTP/1.1\r\nHost: a\r\nX: abcdefgh\x01ijklmnop\r\n\r\n", 400),
    ("DEL in value", b"GET / HTTP/1.1\r\nHost: a\r\nX: abcdefgh\x7fijklmnop\r\n\r\n", 400),
    ("bare LF", b"GET / HTTP/1.1\nHost: a\n\n", 400),
    ("one bare LF", b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400),
    ("bare CR", b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400),
    ("CR CR LF", b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400),
    ("folded line", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400),
    ("space first", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    ("space before colon", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    ("no colon", b"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", 400),
    ("no name", b"GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", 400),
    ("no host", b"GET / HTTP/1.1\r\n\r\n", 400),
    ("two hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    ("bad host", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    ("two lengths",
     b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\nx", 400),
    ("length list", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx", 400),
    ("signed length", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx", 400),
    ("negative length", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\nx", 400),
    ("hex length", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\nx", 400),
    ("empty length", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400),
    ("huge length",
     b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551617\r\n\r\n", 413),
    ("chunked", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
    ("chunked and length", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("odd expectation", b"GET / HTTP/1.1\r\nHost: a\r\nExpect: magic\r\n\r\n", 417),
    ("many fields", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
    ("large field", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20000, 431),
    ("TLS", bytes.fromhex("16030100a5010000a10303") + b"\n" * 20, 400),
]


@check
def bad_requests(site):
    for name, data, status in BAD:
        with site.client() as c:
            c.send(data)
            answer = c.answer()
            expect(answer.status == status, name, answer.status, "instead of", status)
            expect(answer.get("connection") == "close" and c.at_end(), name, "did not close")
            expect(not c.was_reset, name, "was reset: the answer could have been lost")
        expect(site.ask("/").status == 200, name, "and then the server failed")


@check
def garbage(site):
    rng = random.Random(11)
    valid = request("/sub/", fields="Range: bytes=0-3\r\nAccept: */*\r\nUser-Agent: test\r\n")
    for _ in range(300):
        data = bytearray(valid * 2)
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        with site.client() as c:
            c.send(bytes(data))
            c.sock.shutdown(socket.SHUT_WR)
            while c.more():
                pass
            expect(c.buf == b"" or c.buf.startswith(b"HTTP/1.1 "), data)
    expect(site.ask("/").status == 200)


@check
def aborted_transfers(site):
    for i in range(60):
        c = site.client(rcvbuf=4096)
        c.send(request("/random/big.bin") * 3)
        if i % 3:
            c.more()
        if i % 2:
            c.reset()
        else:
            c.sock.close()
    expect(site.ask("/random/4097.bin").body == site.content("random/4097.bin"))


@check
def slow_readers(site):
    data = site.content("random/1048583.bin")
    clients = [site.client(rcvbuf=4096) for _ in range(20)]
    for c in clients:
        c.send(request("/random/1048583.bin") * 2)
    expect(site.ask("/").status == 200, "slow readers hold up the others")
    for c in clients:
        for _ in range(2):
            expect(c.answer().body == data, "a slow reader's body differs")
        c.sock.close()


@check
def many_connections(site):
    """All are open at once, each gets an answer, rests, and gets another."""
    count = site.connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count + 100:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 100), hard))
    body = site.content("index.html")
    clients = []
    try:
        for i in range(count):
            clients.append(site.client())
            clients[-1].send(request("/"))
        for i, c in enumerate(clients):
            expect(c.answer().body == body, "connection", i)
        with selectors.DefaultSelector() as selector:
            for c in clients:
                selector.register(c.sock, selectors.EVENT_READ)
            expect(not selector.select(0), "an idle connection was closed")
        for c in clients:
            c.send(request("/"))
        for i, c in enumerate(clients):
            expect(c.answer().body == body, "connection", i, "second request")
    finally:
        for c in clients:
            c.sock.close()


# ---- metrics and log --------------------------------------------------------------------------

SAMPLE = re.compile(r'([a-zA-Z_:][\w:]*)(\{[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*"'
                    r'(?:,[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*")*\})? '
                    r'(-?[0-9.]+(?:e[+-]?\d+)?|[+-]Inf|NaN)')
SUFFIXES = {"counter": ("_total", "_created"), "gauge": ("",), "unknown": ("",), "info": ("_info",),
            "histogram": ("_bucket", "_count", "_sum", "_created"),
            "summary": ("", "_count", "_sum", "_created")}


def read_metrics(site):
    """The samples of /metrics, after a check of the page against the rules of OpenMetrics 1.0."""
    answer = site.ask("/metrics")
    expect(answer.status == 200, answer.status)
    expect(answer.get("content-type") ==
           "application/openmetrics-text; version=1.0.0; charset=utf-8", answer.get("content-type"))
    text = answer.body.decode()
    expect(text.endswith("\n# EOF\n") and text.count("# EOF") == 1, "no single EOF at the end")
    samples, families, family, kind = {}, set(), None, None
    for line in text.split("\n")[:-2]:
        words = line.split(" ", 3)
        if words[0] == "#":
            expect(words[1] in ("TYPE", "HELP", "UNIT"), line)
            if words[2] != family:
                expect(words[2] not in families, "family in two places:", words[2])
                family, kind = words[2], "unknown"
                families.add(family)
            if words[1] == "TYPE":
                kind = words[3]
            continue
        match = SAMPLE.fullmatch(line)
        expect(match, "not a sample:", line)
        expect(family and match[1] in [family + s for s in SUFFIXES[kind]],
               "sample without its family:", line)
        key = match[1] + (match[2] or "")
        expect(key not in samples, "twice:", key)
        samples[key] = float(match[3])
    return samples, families


@check
def metrics(site):
    before, families = read_metrics(site)
    for target in ("/", "/sub/", "/nothing", "/sub"):
        site.ask(target)
    with site.client() as c:
        c.send(b"nonsense\r\n\r\n")
        c.answer()
    after, _ = read_metrics(site)

    def grown(name):
        return after[name] - before[name]
    expect(grown('httpd_requests_total{class="2xx"}') >= 3, "2xx")
    expect(grown('httpd_requests_total{class="3xx"}') >= 1, "3xx")
    expect(grown('httpd_requests_total{class="4xx"}') >= 2, "4xx")
    expect(grown("httpd_parse_errors_total") >= 1, "parse errors")
    expect(grown("httpd_connections_accepted_total") >= 6, "accepted")
    expect(grown("httpd_sent_bytes_total") > 500, "bytes")
    expect(after["httpd_connections_active"] >= 1, "active")
    expect(not site.kernel or [f for f in families if not f.startswith("httpd_")],
           "the kernel's counters are missing")


@check
def common_fields(site):
    for target in ("/", "/nothing", "/sub", "/metrics"):
        answer = site.ask(target)
        stamp = email.utils.parsedate_to_datetime(answer.get("date"))
        expect(answer.get("date") == email.utils.format_datetime(stamp, usegmt=True), target)
        expect(answer.get("content-length") == str(len(answer.body)), target)
    expect(site.ask("/").get("accept-ranges") == "bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--prepare", metavar="DIR")
    parser.add_argument("-k", "--kernel", action="store_true", help="demand the kernel's counters")
    parser.add_argument("-n", "--connections", type=int, default=1000)
    parser.add_argument("-o", "--only", metavar="NAME", help="run this check alone")
    parser.add_argument("site", nargs="*", metavar="HOST PORT DIR")
    args = parser.parse_args()
    if args.prepare:
        prepare(args.prepare)
        return 0
    if len(args.site) != 3:
        parser.error("HOST, PORT and DIR are needed")
    host, port, root = args.site
    site = Site(host, int(port), root, args.connections, args.kernel)
    passed = failed = 0
    for function in CHECKS:
        if args.only not in (None, function.__name__):
            continue
        try:
            function(site)
            print("ok", function.__name__, flush=True)
            passed += 1
        except Exception as error:  # a check that breaks is a check that failed
            where = traceback.extract_tb(error.__traceback__)
            line = [f.lineno for f in where if f.filename == __file__][-1]
            print(f"FAIL {function.__name__}: {error or type(error).__name__} (line {line})",
                  flush=True)
            failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
