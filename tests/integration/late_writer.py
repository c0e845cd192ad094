"""A writer that has claimed a position in the log and is late to fill it, so that readers wait there."""

from collections.abc import Iterator
from contextlib import contextmanager

from bus.log.log import Log


@contextmanager
def unfilled(log: Log) -> Iterator[None]:
    """Within the block nobody comes to the end of the last partition, unless a gap's grace is over."""
    partition = log.partitions - 1
    missing = log.head(partition) + 1
    log.close([(partition, missing + 1)])
    try:
        yield
    finally:
        log.close([(partition, missing)])
