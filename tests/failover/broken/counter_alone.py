"""A commands' worker that is broken on purpose: it claims positions from the counter alone."""

from tests.chaos.entries.commands import points
from tests.failover.directed.protections import counter_alone
from write_side import worker

if __name__ == "__main__":
    with counter_alone(), points():
        worker.main()
