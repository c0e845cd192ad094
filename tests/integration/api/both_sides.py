"""The API with both sides behind it, in one process: handled and projected when a test says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import uuid_utils
from falcon import testing

from api.http.log_end import LogEnd
from api.local.mongod import Mongod
from api.local.redis_server import RedisServer
from bus.messages.streams import partition_of
from read_side.projections import READ_MODELS
from tests.integration.sides import LONG_AGO, PARTITIONS, ReadSide, WriteSide
from tests.integration.spoiling import set_aside
from tests.support.shop_api import Shop, open_shop, settings_for_a_module


class BothSides:
    """``shop`` is the API, ``write`` and ``read`` are the sides."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.take_any_token()
        self.start_anew()

    def start_anew(self) -> None:
        """Forget everything; faster than another shop, whose indexes take a second."""
        self.shop.empty()
        self.take_any_token()
        self.shop.read["parked"].delete_many({})
        self.shop.read["checkpoints"].update_many({}, {"$set": {"position": 0, "expires_at": LONG_AGO}})
        self.look_again()
        self.write = WriteSide(self.shop.log._commits.database)
        self.read = ReadSide(self.shop.log, self.shop.read)

    def take_any_token(self) -> None:
        """Take every token for one of this log: ``reached`` moves the read models, and not the log."""
        self.shop.services.freshness._log_end = mock.Mock(LogEnd, is_before=lambda _tokens: False)

    def ask(
        self, client: testing.TestClient, method: str, path: str, body: Any, **headers: str
    ) -> testing.Result:
        """Send a command, have it handled, and send it again under its key: that tells its outcome."""
        headers = {"Idempotency-Key": str(uuid_utils.uuid7()), **headers}
        sent = client.simulate_request(method, path, json=body, headers=headers)
        if sent.status_code != 202:
            return sent
        entry = self.shop.inbox.find(sent.json["command_id"])
        assert entry is not None
        self.write.handling(entry.envelope)
        return client.simulate_request(method, path, json=body, headers=headers)

    def reached(self, position: int, *names: str, partition: int = 0) -> None:
        """Let read models, all unless some are named, have read up to a position."""
        which = list(names) or [model.name for model in READ_MODELS]
        where = {"name": {"$in": which}, "partition": partition}
        self.shop.read["checkpoints"].update_many(where, {"$set": {"position": position}})

    def park(self, name: str, stream: str, seq: int, partition: int = 0) -> None:
        """Let a read model have set a stream aside."""
        set_aside(self.read.parking, name, partition, stream, seq)
        self.look_again()

    def look_again(self) -> None:
        """Let the API look at what is parked for its next answer, not within a second."""
        self.shop.services.visibility._parked_lookup._parked.forget()


@contextmanager
def open_both(redis: RedisServer, mongod: Mongod) -> Iterator[BothSides]:
    """Databases of their own, for the tests of one module."""
    settings = settings_for_a_module(redis.url, mongod.uri)
    with open_shop(settings.model_copy(update={"log_partitions": PARTITIONS})) as shop:
        yield BothSides(shop)


def home(stream: str) -> int:
    return partition_of(stream, PARTITIONS)
