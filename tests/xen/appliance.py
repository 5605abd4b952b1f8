# SPDX-License-Identifier: BSD-2-Clause
"""The web appliance's checks (tests/e2e/httpd_checks.py) against one that runs in the bed."""
import contextlib
import sys

import httpd
from harness import Failure, run, folder


class Appliance:
    """Files for the bed, and what is done on the host while tests/xen/httpd.sh runs there."""

    def __init__(self):
        self.stack = contextlib.ExitStack()
        self.site, self.disk = httpd.prepare(self.stack.enter_context(folder()))
        self.files = {"/site.tar": str(self.disk)}
        self.count, self.failure = 0, None

    def on_host(self, port):
        try:
            # A forwarded port's backlog is one connection: only few at once.
            self.count = httpd.counted(run([sys.executable, httpd.CHECKS, "127.0.0.1", str(port),
                                            str(self.site), "-k", "-n", "10"], limit=1200))
        except Failure as failure:
            self.failure = failure

    def judge(self):
        """The number of checks that passed, or a Failure."""
        self.stack.close()
        if self.failure:
            raise self.failure
        return self.count
