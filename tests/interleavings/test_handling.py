"""Handlers of commands that stall or die while others get hold of the same commands."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
from pymongo.database import Database

from bus.connections.clients import StoredDocument, redis_client
from bus.inbox.gateway import command_message
from bus.log.log import Log
from bus.messages.outcome import CommandStatus, Outcome
from bus.messages.registry import AnyCommand
from bus.queue.broker import Broker
from bus.settings import Settings
from tests.contract.decisions import committed, decision
from tests.integration.sides import PARTITIONS, WriteSide, partition
from tests.interleavings.log_protections import IDEMPOTENCY, ONE_OUTCOME
from tests.interleavings.protection import Protection, must, protected_by
from tests.interleavings.stopped import stopped
from tests.interleavings.stopped_process import killed_at
from tests.support import messages
from tests.support.decided import come_to


def _created(database: Database[StoredDocument]) -> WriteSide:
    shop = WriteSide(database)
    shop.create()
    return shop


def _decided(shop: WriteSide, command_id: str) -> int:
    """How many documents of the log say what a command came to."""
    return shop.database.commits.count_documents({"command_id": command_id})


@contextmanager
def _refusals_kept_in_the_inbox_alone() -> Iterator[None]:
    append = Log.append

    def only_effects(log: Log, decisions: Sequence[Any]) -> list[Any]:
        return [append(log, [one])[0] if one.stream else one.at_position(0) for one in decisions]

    with mock.patch.object(Log, "append", only_effects):
        yield


@protected_by(IDEMPOTENCY, Protection("refusals in the log", ONE_OUTCOME, _refusals_kept_in_the_inbox_alone))
def test_a_refusal_decided_by_a_stalled_worker_while_another_succeeds(
    database: Database[StoredDocument],
) -> None:
    """A product's addition is given up while one worker still has it in hand; so its change is refused.

    Both workers stall. The addition comes through after all, and the change, delivered again, is a success.
    """
    shop = _created(database)
    added, changed = shop.accept(messages.add_product()), shop.accept(messages.change_product(name="Pot"))
    adds, refuses = WriteSide(database), WriteSide(database)
    with stopped(Log, "_claim", lambda: adds.handling(added)) as adding:
        failed = Outcome(status=CommandStatus.FAILED, stream=added.command.stream, partition=0)
        come_to(shop.inbox, added.command_id, failed)
        with stopped(Log, "newer", lambda: refuses.handling(changed), after=True) as refusing:
            adding.go_on()
            outcome = shop.handling(changed)
            told = refusing.go_on()
    assert outcome is not None
    assert (outcome.status, outcome.version) == (CommandStatus.SUCCEEDED, 2)
    must(ONE_OUTCOME, _decided(shop, changed.command_id), 1)
    must(ONE_OUTCOME, told, outcome)
    must(ONE_OUTCOME, shop.outcome(changed), outcome)
    assert shop.outcome(added).status is CommandStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (messages.register_customer(), CommandStatus.SUCCEEDED),
        (messages.change_customer(name="Bo"), CommandStatus.REJECTED),  # decided again it would succeed
    ],
    ids=["success", "refusal"],
)
@protected_by(IDEMPOTENCY)
def test_a_crash_between_append_and_outcome(
    settings: Settings, database: Database[StoredDocument], command: AnyCommand, status: CommandStatus
) -> None:
    """The worker is killed; before the command is delivered again, its stream has moved on.

    So its newest commit does not show that the command is done, and decided again it comes to another thing.
    """
    shop = _created(database)
    envelope = shop.accept(command)
    with redis_client(settings) as client:
        Broker(client).enqueue_once([command_message(envelope.command_id)])
    environ = {
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "WRITE_MONGODB_URI": settings.write_mongodb_uri.get_secret_value(),
        "WRITE_DATABASE": settings.write_database,
        "LOG_PARTITIONS": str(PARTITIONS),
    }
    with killed_at("bus.inbox.inbox:Inbox.finish_all", "write_side", "worker", environ=environ):
        assert not shop.is_finished(envelope)
        assert _decided(shop, envelope.command_id) == 1
    database.commits.drop_indexes()  # the worker has made those that may be left out
    shop.log.create()

    newest = shop.log.newest(partition("c1"), command.stream)
    version = (newest.version or 0) + 1 if newest else 1
    cy = messages.customer(name="Cy")
    left = {"state": cy.model_dump(), "state_v": cy.schema_version}
    committed(shop.log, decision(command.stream, version, partition=partition("c1"), **left))
    outcome = shop.handling(envelope)
    must(ONE_OUTCOME, _decided(shop, envelope.command_id), 1)
    assert outcome is not None
    assert (outcome.status, outcome.seq, shop.outcome(envelope)) == (status, 1, outcome)
