"""A commands' worker that is broken on purpose: it decides what the inbox's primary has, durable or not.

Nor does it look whether the log has a command of the same key: that alone would keep the harm from anybody.
"""

from tests.chaos.entries.commands import points
from tests.failover.directed.protections import local_inbox, repeats_are_new
from write_side import worker

if __name__ == "__main__":
    with local_inbox(), repeats_are_new(), points():
        worker.main()
