# SPDX-License-Identifier: BSD-2-Clause
"""Addresses and names from the network: DHCP, DNS and IPv6 router advertisements by a dnsmasq that
has a tap to itself, and a guest that fetches a page by name."""
import contextlib
import subprocess
import sys

from harness import (BUILD, check, contains, equal, folder, guest, run, tap_namespace)

HYPERVISORS = ("native", "microvm", "q35")

SERVER = """
import http.server, socket, sys
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"from " + self.client_address[0].encode() + b"\\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = Server((sys.argv[1], 8000), Handler)
print("ready", flush=True)
server.serve_forever()
"""


@contextlib.contextmanager
def program(command, ready):
    """A program of the host, awaited until it says `ready` (on either stream)."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    try:
        said = ""
        for line in process.stdout:
            said += line
            if ready in line:
                break
        check(ready in said, f"{command} ended: {said}")
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


@contextlib.contextmanager
def network(inside, work, *options):
    with program(inside("dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv",
                        "--no-hosts", "--interface=ctap0", "--bind-interfaces",
                        f"--dhcp-leasefile={work}/leases", "--pid-file=", "--user=root",
                        *options), "started"):
        yield


def fetch(inside, host, *options):
    return run(inside(BUILD / "coracle", "run", "--timeout", "100", "--net", "tap:ctap0", *options,
                      guest("fetch"), host, "8000"))


def test_dhcp_and_dns():
    with folder() as work, tap_namespace() as inside, \
            network(inside, work, "--dhcp-range=10.77.0.50,10.77.0.59,1h",
                    "--address=/page.test/10.77.0.1"), \
            program(inside(sys.executable, "-c", SERVER, "10.77.0.1"), "ready"):
        for hypervisor in HYPERVISORS:
            result = fetch(inside, "page.test", "--on", hypervisor)
            equal(result.status, 0, f"{hypervisor}: status ({result.err})")
            contains(result.out, "from 10.77.0.5", f"{hypervisor}: what the server said")
            contains(result.err, "net0: 10.77.0.5", f"{hypervisor}: the log")
    return len(HYPERVISORS)


def test_name_that_does_not_exist():
    """An answer that there is no such name ends the search at once for good."""
    with folder() as work, tap_namespace() as inside, \
            network(inside, work, "--dhcp-range=10.77.0.50,10.77.0.59,1h", "--address=/#/"):
        result = run(inside(BUILD / "coracle", "run", "--timeout", "100", "--net", "tap:ctap0",
                            guest("resolve_error"), "nowhere.test"))
        equal(result.status, 0, f"status ({result.err})")


def test_ipv6_by_router_advertisement():
    with folder() as work, tap_namespace() as inside:
        equal(run(inside("ip", "addr", "add", "fd77::1/64", "dev", "ctap0", "nodad")).status, 0,
              "ip addr")
        with network(inside, work, "--dhcp-range=fd77::,ra-only,64", "--enable-ra",
                     "--ra-param=ctap0,4"), \
                program(inside(sys.executable, "-c", SERVER, "fd77::1"), "ready"):
            result = fetch(inside, "fd77::1")
            equal(result.status, 0, f"status ({result.err})")
            # From its link-local address where the other one is still being checked for duplicates.
            contains(result.out, "200 OK", "what the server said")


def test_two_networks():
    """Two interfaces at once: a tap and the user-mode network."""
    with tap_namespace() as inside, \
            program(inside(sys.executable, "-c", SERVER, "10.77.0.1"), "ready"):
        for hypervisor in HYPERVISORS:
            result = run(inside(BUILD / "coracle", "run", "--on", hypervisor, "--timeout", "100",
                                "--net", "tap:ctap0,ip=10.77.0.9/24", "--net", "user",
                                guest("fetch"), "10.77.0.1", "8000"))
            equal(result.status, 0, f"{hypervisor}: status ({result.err})")
            contains(result.out, "from 10.77.0.9", f"{hypervisor}: what the server said")
    return len(HYPERVISORS)
