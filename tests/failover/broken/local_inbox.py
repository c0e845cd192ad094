"""A commands' worker that is broken on purpose: it decides what the inbox's primary has, durable or not."""

from tests.chaos.entries.commands import points
from tests.failover.directed.protections import local_inbox
from write_side import worker

if __name__ == "__main__":
    with local_inbox(), points():
        worker.main()
