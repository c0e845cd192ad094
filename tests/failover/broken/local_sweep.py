"""A clock that is broken on purpose: it sweeps what the inbox's primary has, durable or not."""

import runpy
import sys

from tests.failover.directed.protections import local_inbox

if __name__ == "__main__":
    sys.argv[1:] = ["clock"]
    with local_inbox():
        runpy.run_module("bus", run_name="__main__")
