"""The protections of the log that several interleavings rest on, and what breaks without them."""

from contextlib import AbstractContextManager
from unittest import mock

from pymongo import IndexModel

from bus.log import log
from bus.log.log import Log
from tests.interleavings.protection import Protection

IN_ORDER = "the versions of a stream stand in the log in their order, each once"
NO_HOLES = "nobody has to wait for a position that was given up"
ONE_OUTCOME = "a command comes to one thing"


def without_index(name: str) -> AbstractContextManager[object]:
    """A log created without one of its indexes."""
    return mock.patch.object(log, "INDEXES", tuple(i for i in log.INDEXES if i.document["name"] != name))


def with_whole_index(name: str) -> AbstractContextManager[object]:
    """A log of which one index also takes in the documents that lack its fields."""
    [partial] = [index for index in log.INDEXES if index.document["name"] == name]
    whole = IndexModel(list(partial.document["key"].items()), unique=True, name=name)
    return mock.patch.object(log, "INDEXES", (*(i for i in log.INDEXES if i is not partial), whole))


LOCK = Protection("the optimistic lock", IN_ORDER, lambda: without_index("optimistic_lock"))
IDEMPOTENCY = Protection("the index on commands", ONE_OUTCOME, lambda: without_index("idempotency"))
CLOSING = Protection("tombstones", NO_HOLES, lambda: mock.patch.object(Log, "close", return_value=0))
