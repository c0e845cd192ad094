"""Twofold as a contestant: its own inbox and broker fill the queue, its checkpoints say when all is shown.

The inbox has every command before the clock starts, as it has when the API has answered 202. The clock runs
from the moment that the queue is there until nothing is left to do: every message acknowledged, every
command's outcome noted, every read model at the head of the log. That is more than being visible.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any, TypeVar

import redis
from pymongo.collection import Collection

from bus.connections.clients import read_database, redis_client, write_database
from bus.inbox.gateway import COMMANDS_QUEUE, command_message
from bus.inbox.inbox import Inbox
from bus.log.log import Log
from bus.messages.envelope import CommandEnvelope
from bus.messages.orders import PlaceOrder
from bus.messages.principal import Principal, Role
from bus.messages.registry import AnyCommand
from bus.messages.streams import draw_order_id
from bus.queue.broker import Broker
from bus.queue.keys import NAMESPACE
from bus.settings import Settings
from read_side.projector.checkpoints import Checkpoints
from tests.benchmarks import decisions, workload
from tests.benchmarks.backstage import Backstage

CHUNK = 500
POLL_S = 0.004
PATIENCE_S = 300.0
Item = TypeVar("Item")
BY = Principal(role=Role.STAFF, subject="ann")


class Twofold:
    """The running system that some settings lead to."""

    name = "twofold"

    def __init__(self, settings: Settings) -> None:
        self._partitions = settings.log_partitions
        self._open = ExitStack()
        self._writes = write_database(settings)
        self._reads = read_database(settings)
        self._redis = redis_client(settings)
        for client in (self._writes.client, self._reads.client, self._redis):
            self._open.callback(client.close)
        self._inbox = Inbox(self._writes, self._partitions)
        self._log = Log(self._writes, self._partitions)
        self._checkpoints = Checkpoints(self._reads)
        self._backstage = Backstage(settings.redis_url.get_secret_value())
        self._backstage.clear()
        enqueuing = redis.Redis.from_url(self._backstage.url)
        self._open.callback(enqueuing.close)
        self._broker = Broker(enqueuing)
        self._orders = workload.Orders()

    def close(self) -> None:
        self._backstage.close()
        self._open.close()

    @property
    def details(self) -> Collection[dict[str, Any]]:
        """Where an order becomes visible: the view of the live generation."""
        return self._reads["order_detail"]

    def found(self) -> None:
        """Make the shop."""
        self._accept(workload.founding())
        self._backstage.raise_curtain()
        self.until_done()

    def place(self, orders: int, begin: Callable[[], None] = lambda: None) -> float:
        """Handle so many orders and show them; return the seconds that it took.

        ``begin`` is called when the clock starts.
        """
        return self.place_these(self._orders.several(orders), begin)

    def place_these(
        self, orders: Iterable[dict[str, Any]], begin: Callable[[], None] = lambda: None
    ) -> float:
        """The same with certain orders, each as it is sent to ``POST /orders``."""
        self._accept(map(self._placing, orders))
        begin()
        began = time.perf_counter()
        self._backstage.raise_curtain()
        self.until_done()
        return time.perf_counter() - began

    def enqueue(self, orders: int) -> None:
        """Put orders on the queue, but not into the inbox, in chunks."""
        for chunk in _chunks(self._orders.several(orders)):
            self._enqueue([_envelope(self._placing(order)) for order in chunk])

    def redis_bytes(self) -> int:
        """What Redis has in memory, both its stage and its backstage."""
        return int(self._redis.info("memory")["used_memory"])

    def clear_backstage(self) -> None:
        self._backstage.clear()

    def until_done(self) -> None:
        """Return when everything accepted is handled and shown; raises ``TimeoutError``."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.is_done():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not done within {PATIENCE_S:g} s")
            time.sleep(POLL_S)

    def is_done(self) -> bool:
        """Whether nothing is left to do; what is cheap to ask is asked first."""
        if self._redis.hlen(f"{NAMESPACE}:{COMMANDS_QUEUE}.msgs"):
            return False
        if decisions.undecided(self._writes, most=1):
            return False
        heads = [self._log.head(partition) for partition in range(self._partitions)]
        positions = self._checkpoints.positions()
        return all(position >= heads[partition] for (_, _, partition), position in positions.items())

    def verify(self) -> None:
        """Raise ``AssertionError`` unless every command succeeded and every order is shown."""
        outcomes = decisions.outcomes(self._writes)
        if set(outcomes) != {decisions.SUCCEEDED}:
            raise AssertionError(f"not every command succeeded: {outcomes}")
        orders = decisions.orders_placed(self._writes)
        for model in ("order_summary", "order_detail"):
            shown = self._reads[model].count_documents({"placed_at": {"$exists": True}})
            if shown != orders:
                raise AssertionError(f"{model} shows {shown} of {orders} orders")

    def _accept(self, commands: Iterable[AnyCommand]) -> None:
        """Into the inbox and, backstage, onto the queue, a chunk at a time."""
        for chunk in _chunks([_envelope(command) for command in commands]):
            self._inbox.accept_all([(envelope, None) for envelope in chunk])
            self._enqueue(chunk)

    def _enqueue(self, envelopes: Iterable[CommandEnvelope]) -> None:
        self._broker.enqueue_once([command_message(envelope.command_id) for envelope in envelopes])

    def _placing(self, order: dict[str, Any]) -> PlaceOrder:
        order_id = draw_order_id(order["customer_id"], self._partitions)
        return PlaceOrder.model_validate({"order_id": order_id, **order})


def _envelope(command: AnyCommand) -> CommandEnvelope:
    command_id = str(uuid.uuid4())
    return CommandEnvelope(
        command_id=command_id,
        correlation_id=command_id,
        accepted_at=datetime.now(UTC),
        by=BY,
        command=command,
    )


def _chunks(items: Sequence[Item]) -> Iterable[Sequence[Item]]:
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))
