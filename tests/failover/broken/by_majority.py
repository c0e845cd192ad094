"""An API that is broken on purpose: its strong reads show what a majority is known to have."""

import runpy
import sys

from tests.failover.directed.protections import by_majority

if __name__ == "__main__":
    sys.argv[1:] = ["serve"]
    with by_majority():
        runpy.run_module("api", run_name="__main__")
