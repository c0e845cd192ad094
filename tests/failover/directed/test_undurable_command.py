"""A command that was never durable: its caller got no answer, and the primary that has it is lost."""

import pymongo
import pytest
from bson import Timestamp
from pymongo.errors import PyMongoError

from bus.connections.clients import StoredDocument
from bus.messages.envelope import CommandEnvelope
from tests.failover.directed.connections import Connections
from tests.failover.directed.protections import DURABLE_ONLY, SETTLED_INBOX
from tests.failover.servers.replica_set import ReplicaSet
from tests.integration.sides import WriteSide, order_id
from tests.interleavings.protection import must, protected_by
from tests.support import messages
from tests.support.waiting import until

KEY = "idempotency-key-1"
ANSWER_S = 2.0
LATER = Timestamp(2**31 - 1, 0)
"""A moment before which everything was accepted."""


@protected_by(SETTLED_INBOX)
@pytest.mark.usefixtures("write")
def test_a_command_is_decided_only_once_it_is_durable(
    connections: Connections, replica_set: ReplicaSet
) -> None:
    """The sweep and a worker look at the inbox of a primary without peers; then the caller asks again."""
    write = connections.write_side()
    first, second = order_id("c1", 1), order_id("c1", 2)
    primary = replica_set.until_primary()
    replica_set.refuse_peers(primary)
    with pytest.raises(PyMongoError), pymongo.timeout(ANSWER_S):
        write.accept(messages.place_order(order_id=first), command_id=KEY)
    insert = write.log._insert

    def while_failing_over(documents: list[StoredDocument], *, in_order: bool = False) -> dict[int, set[str]]:
        if primary.pid is not None:
            replica_set.replace(primary)
        return insert(documents, in_order=in_order)

    write.log._insert = while_failing_over  # type: ignore[method-assign]
    swept = write.inbox.unfinished(list(write.inbox.unfinished_since(LATER, 100)))
    for entry in swept:
        write.handling(entry.envelope)
    if not swept:
        replica_set.replace(primary)

    again = messages.envelope(command_id=KEY, command=messages.place_order(order_id=second))
    told = until(lambda: accepted(write, again), 30, "accepted on the next primary")
    outcome = write.elsewhere(again)

    assert outcome is not None
    must(DURABLE_ONLY, outcome.stream, told)
    assert [commit.version for commit in write.log.history(outcome.partition, outcome.stream)] == [1]


def accepted(write: WriteSide, envelope: CommandEnvelope) -> str | None:
    """The stream of what is kept of the second request, as its caller is told."""
    try:
        [kept] = write.records.accept_all([(envelope, None)])
    except PyMongoError:  # the next primary is not known yet
        return None
    return kept.stream if kept else envelope.command.stream
