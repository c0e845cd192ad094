"""A writer that dies between claiming positions and inserting: what it leaves, and whom that holds up."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

from pymongo.database import Database

from bus.connections.clients import UNSETTLED, StoredDocument
from bus.log.log import Log
from bus.messages.registry import to_stored
from bus.settings import Settings
from read_side.projections.customers import CUSTOMERS
from read_side.projector import gaps
from read_side.projector.catch_up import End
from read_side.projector.gaps import Gaps
from tests.contract.decisions import committed, decision
from tests.integration.sides import ReadSide
from tests.interleavings.protection import Protection, at_most, must, protected_by
from tests.interleavings.stopped_process import killed_at
from tests.support import messages

GRACE_MS = 60_000
READS = 10
DRAINED = "while nobody commits beyond the gaps, nobody waits for them"
IN_ONE_BATCH = "the whole block is closed at once"
AND_ON = "once they are closed, the projector goes on"


class Later:
    """A clock that runs ahead of everybody's."""

    def __init__(self, seconds: float) -> None:
        self._ahead = seconds

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead


def _head_is_the_last_claim() -> Any:
    def head(log: Log, partition: int) -> int:
        counter = log._positions._positions.find_one({"_id": "claimed"})
        return int(counter[str(partition)]) if counter else 0

    return mock.patch.object(Log, "head", head)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    closes = Gaps.wait_or_close

    def first_only(self: Gaps, partition: int, missing: Sequence[int]) -> float:
        return closes(self, partition, missing[:1])

    with mock.patch.object(Gaps, "wait_or_close", first_only):
        yield


@protected_by(
    Protection("a head that holds something", DRAINED, _head_is_the_last_claim),
    Protection("the block", IN_ONE_BATCH, _one_at_a_time),
    Protection("tombstones", AND_ON, lambda: mock.patch.object(Log, "close", return_value=0)),
)
def test_a_block_of_holes_after_a_crash_with_no_later_commit(
    settings: Settings, database: Database[StoredDocument], read_models: Database[StoredDocument]
) -> None:
    log = Log(database, 1)
    log.create()
    read = ReadSide(log, read_models, grace_ms=GRACE_MS)
    read.create([CUSTOMERS])
    earlier = committed(log, decision("customer-c1"))
    appender = (
        "tests.integration.appender",
        settings.write_mongodb_uri.get_secret_value(),
        settings.write_database,
        "p0",
    )
    with killed_at("bus.log.log:Log._insert", *appender, environ={}):
        pass
    [counter] = database.positions.with_options(read_concern=UNSETTLED).find()
    lost = counter["0"] - earlier.seq
    assert lost > 1

    # Nobody commits: what there is is drained and shown, now and whenever somebody looks again.
    for _ in range(2):
        with at_most(READS, Log, "read_within", DRAINED):
            must(DRAINED, read.run(CUSTOMERS, 0).end, End.DRAINED)
        must(DRAINED, read.position(CUSTOMERS, 0), earlier.seq)
    assert read.documents(CUSTOMERS)["c1"]["name"] == "Ann Archer"

    # The next commit stands beyond the block, which has the grace from now on.
    event = messages.customer_registered(customer_id="c2")
    late = committed(log, decision("customer-c2", events=(to_stored(event),)))
    run = read.run(CUSTOMERS, 0)
    assert (run.end, run.wait_s > 0, late.seq) == (End.GAP, True, earlier.seq + lost + 1)
    assert database.commits.count_documents({"stream": None}) == 0

    with mock.patch.object(gaps, "time", Later(GRACE_MS / 1000)), at_most(READS, Log, "read_within", AND_ON):
        run = read.run(CUSTOMERS, 0)
    must(IN_ONE_BATCH, run.end, End.DRAINED)
    must(AND_ON, read.position(CUSTOMERS, 0), late.seq)
    assert set(read.documents(CUSTOMERS)) == {"c1", "c2"}
