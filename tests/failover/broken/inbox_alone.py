"""An API that is broken on purpose: it takes for new what the inbox does not have, whatever the log has."""

import runpy
import sys

from tests.failover.directed.protections import inbox_alone

if __name__ == "__main__":
    sys.argv[1:] = ["serve"]
    with inbox_alone():
        runpy.run_module("api", run_name="__main__")
