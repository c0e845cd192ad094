"""Between the request and the queue: the database that dies, and the request that comes twice."""

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import redis
from falcon import testing
from pydantic import SecretStr
from pymongo import WriteConcern

from api.http import idempotency
from api.local.mongod import Mongod
from api.local.redis_server import RedisServer
from bus.connections.clients import write_database
from bus.inbox import gateway as gateways
from bus.inbox import inbox as inboxes
from bus.inbox.command_records import CommandRecords
from bus.inbox.gateway import CommandGateway
from bus.inbox.inbox import Inbox
from bus.messages.outcome import CommandStatus
from bus.notify.notifier import Notifier
from bus.primitives.group_commit import GroupCommit
from bus.queue.broker import Broker
from bus.settings import Settings
from bus.sweeper import Sweep
from tests.integration.commands_queue import SOON_MS, consumer_of, redis_away, taken, waiting
from tests.integration.sides import WriteSide
from tests.interleavings.protection import Protection, must, protected_by
from tests.interleavings.stopped import stopped
from tests.support import messages
from tests.support.shop_api import Shop, open_shop, settings_for_a_module

KEPT = "what has been accepted survives"
CARRIED_OUT = "what has been accepted is carried out"
SAME_ANSWER = "the same request has the same answer"


class MongodWithFailPoints(Mongod):
    """It can be told to leave its journal alone, as it does by itself for up to 0.1 s."""

    def _arguments(self, port: int) -> list[str]:
        return [*super()._arguments(port), "--setParameter", "enableTestCommands=1"]


@pytest.fixture(scope="module")
def mongod() -> Iterator[MongodWithFailPoints]:
    """One that nobody else uses, since it is killed."""
    with (
        tempfile.TemporaryDirectory(prefix="twofold-killed-") as folder,
        MongodWithFailPoints(Path(folder)) as mongod,
    ):
        yield mongod


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that stands before its insert loses no time of what accepting may take."""
    monkeypatch.setattr(gateways, "ACCEPT_S", 60.0)


FLUSHER = "pauseJournalFlusherThread"
PAUSED_MS = 30_000


@contextmanager
def _acknowledged_before_it_is_in_the_journal() -> Iterator[None]:
    accept_all = Inbox.accept_all

    def hasty(inbox: Inbox, *accepted: Any) -> list[bool]:
        admin = inbox._commands.database.client.admin
        before = admin.command("configureFailPoint", FLUSHER, mode="alwaysOn")["count"]
        # A flush that is under way would take the insert along.
        admin.command("waitForFailPoint", FLUSHER, timesEntered=before + 1, maxTimeMS=PAUSED_MS)
        return accept_all(inbox, *accepted)

    with (
        mock.patch.object(inboxes, "DURABLE", WriteConcern(w=1, j=False)),
        mock.patch.object(Inbox, "accept_all", hasty),
    ):
        yield


@protected_by(
    Protection("the durable write", KEPT, _acknowledged_before_it_is_in_the_journal),
    Protection(
        "the sweep", CARRIED_OUT, lambda: mock.patch.object(Inbox, "unfinished_since", return_value=[])
    ),
)
def test_mongod_killed_between_an_acknowledged_insert_and_its_enqueue(
    mongod: MongodWithFailPoints, settings: Settings, client: redis.Redis
) -> None:
    """Redis is away too, so the queue never hears of the command."""
    database = write_database(settings.model_copy(update={"write_mongodb_uri": SecretStr(mongod.uri)}))
    envelope = messages.envelope(command=messages.register_customer())
    with database.client, redis_away() as away:
        shop = WriteSide(database)
        shop.create()
        gateway = CommandGateway(shop.records, Broker(away), Notifier(away))
        with stopped(Broker, "enqueue_once", lambda: gateway.send(envelope)) as accepted:
            mongod.kill()
            mongod.start()
            assert accepted.go_on() is None
        must(KEPT, shop.inbox.find(envelope.command_id) is not None, expected=True)

        broker = Broker(client)
        must(CARRIED_OUT, Sweep(database, shop.inbox, broker, SOON_MS)(), 1)
        assert taken(consumer_of(broker)).message_id == envelope.command_id
        outcome = shop.handling(envelope)
        assert outcome is not None
        assert (outcome.status, shop.outcome(envelope)) == (CommandStatus.SUCCEEDED, outcome)


@pytest.fixture(scope="module")
def opened(redis_server: RedisServer, mongo_server: Mongod) -> Iterator[Shop]:
    with open_shop(settings_for_a_module(redis_server.url, mongo_server.uri)) as shop:
        yield shop


@pytest.fixture
def shop(opened: Shop) -> Shop:
    opened.empty()
    return opened


def _place(shop: Shop) -> testing.Result:
    """Ids of orders are drawn, so only the same command has the same."""
    order = {"items": [messages.TEAPOTS], "shipping_address": messages.ADDRESS}
    return shop.ann.simulate_post("/orders", json=order, headers={"Idempotency-Key": "once"})


def _a_new_id_each_time() -> Any:
    return mock.patch.object(idempotency, "command_id", side_effect=lambda _key, _whose: str(uuid.uuid4()))


def _nothing_found() -> Any:
    return mock.patch.object(CommandRecords, "_find", lambda _, command_ids, __: [None] * len(command_ids))


@pytest.mark.parametrize(
    "step",
    [(GroupCommit, "__call__"), (Broker, "enqueue_once")],
    ids=["before its insert", "before its enqueue"],
)
@protected_by(
    Protection("an id made of the key", SAME_ANSWER, _a_new_id_each_time),
    Protection("the entry found", SAME_ANSWER, _nothing_found),
)
def test_a_duplicate_request_racing_its_first(
    shop: Shop, client: redis.Redis, step: tuple[type, str]
) -> None:
    """Whoever comes second, and however far the first has got, is told what the first is told."""
    with stopped(*step, lambda: _place(shop)) as stalled:
        overtaking = _place(shop)
        late = stalled.go_on()
    must(SAME_ANSWER, late.json, overtaking.json)
    must(SAME_ANSWER, late.headers["Location"], overtaking.headers["Location"])
    assert (late.status_code, overtaking.status_code) == (202, 202)
    assert shop.inbox.find(late.json["command_id"]) is not None
    assert waiting(client) == [late.json["command_id"]]
