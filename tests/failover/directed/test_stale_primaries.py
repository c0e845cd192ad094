"""Primaries that are behind: a former one that does not know it, and a new one that has settled nothing."""

import pytest
from pymongo.errors import PyMongoError

from api.http.consistency import Token
from api.http.log_end import LogEnd
from bus.log.log import Log
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.queries.strong import order_now
from tests.failover.directed.connections import Connections
from tests.failover.directed.protections import (
    BARRIER_BEFORE_REFUSAL,
    NEVER_REFUSED,
    NEVER_STALE,
    READ_BARRIER,
)
from tests.failover.network.link import CLIENTS, Link, between
from tests.failover.servers.replica_set import ReplicaSet
from tests.integration.sides import PARTITIONS, ReadSide, WriteSide, order_id, partition
from tests.interleavings.protection import must, protected_by
from tests.support import messages
from tests.support.waiting import until

NEW_NAME = "Ann Baker"
SLOW_S = 1.2
"""One way: so long a secondary does not know yet that what it has is settled. A write waits for a few."""
PATIENT_MS = 60_000
"""For a write that waits for the slow link, and is not what is tested."""
SHOWN_S = 30.0


@pytest.fixture(autouse=True)
def _an_order(write: WriteSide) -> None:
    write.do(messages.place_order(order_id=order_id("c1")))


def name_now(log: Log) -> str | None:
    """The customer's name as a strong read of its order shows it; ``None`` if that answers with a 503."""
    try:
        order = order_now(log, order_id("c1"))
    except PyMongoError:
        return None
    assert order is not None
    return str(order["customer_name"])


@protected_by(READ_BARRIER)
def test_a_primary_that_was_replaced_shows_nothing_strongly(
    connections: Connections, replica_set: ReplicaSet, write: WriteSide
) -> None:
    """It is cut off and takes itself for the primary; a client reaches it alone."""
    log = Log(connections.beside(replica_set.until_primary()), PARTITIONS)
    assert name_now(log) == "Ann Archer"
    _rename_at_the_next_primary(connections, replica_set)

    shown = name_now(log)

    must(NEVER_STALE, shown in {NEW_NAME, None}, True)


@protected_by(BARRIER_BEFORE_REFUSAL)
def test_a_primary_that_was_replaced_refuses_no_token_of_the_next(
    connections: Connections, replica_set: ReplicaSet, write: WriteSide
) -> None:
    """The same primary; the token is of a command that the next one has settled."""
    log, home = Log(connections.beside(replica_set.until_primary()), PARTITIONS), partition("c1")
    end = log.head(home)
    _rename_at_the_next_primary(connections, replica_set)
    until(lambda: write.log.head(home) > end, SHOWN_S, "the next primary shows it")
    token = Token(home, write.log.head(home))
    assert log.head(home) == end

    must(NEVER_REFUSED, LogEnd(log).is_before([token]), False)


def _rename_at_the_next_primary(connections: Connections, replica_set: ReplicaSet) -> None:
    """Cut the primary off from all but who reaches it alone; then the next one renames the customer."""
    former = replica_set.until_primary()
    replica_set.refuse_peers(former)
    replica_set.network.refuse([Link(CLIENTS, former.title)])
    replica_set.step_up(*replica_set.others(former))
    connections.write_side().rename_out_of_turn("c1", NEW_NAME)
    replica_set.network.mend(Link(CLIENTS, former.title))


@protected_by(READ_BARRIER)
def test_a_new_primary_shows_nothing_strongly_before_it_has_settled_something(
    connections: Connections, replica_set: ReplicaSet, write: WriteSide
) -> None:
    """It has the newest commit, and does not know that the primary before it has acknowledged that.

    Its only peer votes for it and takes nothing from it, so it settles nothing until the network is well. The
    projections have read the commit by then: they wait, and do not take the log for another one.
    """
    former = replica_set.until_primary()
    following, third = replica_set.others(former)
    home = partition("c1")
    read = ReadSide(write.log, connections.read_database())
    read.create([ORDER_SUMMARY])
    read.drain([ORDER_SUMMARY])
    network = replica_set.network
    network.refuse([Link(third.title, former.title), Link(third.title, following.title)])
    replica_set.until_follows(following, former)
    network.slow(between(former.title, [following.title]), SLOW_S)

    connections.write_side(PATIENT_MS).rename_out_of_turn("c1", NEW_NAME)
    replica_set.cut_from_peers(former)
    read.drain([ORDER_SUMMARY])
    former.kill()
    replica_set.step_up(following)
    log = Log(connections.to_the_set(), PARTITIONS)
    assert log.head(home) < read.position(ORDER_SUMMARY, home), "it shows less than was acknowledged"

    must(NEVER_STALE, name_now(log) in {NEW_NAME, None}, True)
    with pytest.raises(PyMongoError):
        ReadSide(log, read.database).run(ORDER_SUMMARY, home)

    network.mend()
    former.start()
    assert ReadSide(write.log, read.database).run(ORDER_SUMMARY, home)
