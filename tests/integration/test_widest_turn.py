"""The widest turn of the write side, 100 orders of 200 lines: its queries fit into a command of MongoDB."""

import bson
import pytest
from bson import Timestamp
from pymongo import MongoClient
from pymongo.monitoring import CommandListener, CommandStartedEvent

from bus.connections.clients import CODEC, DURABLE, StoredDocument
from bus.inbox.inbox import Inbox, Related
from bus.log.log import Log
from bus.settings import Settings
from tests.support import messages

ORDERS, LINES, LONGEST_ID = 100, 200, 64
LARGEST = 16 * 2**20


class Sizes(CommandListener):
    """The size of the largest query."""

    def __init__(self) -> None:
        self.largest = 0

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name == "find":
            self.largest = max(self.largest, len(bson.encode(event.command)))

    def succeeded(self, event: object) -> None:
        pass

    def failed(self, event: object) -> None:
        pass


def _product(order: int, line: int) -> str:
    return f"product-{order}-{line}-".ljust(LONGEST_ID, "x")


@pytest.mark.parametrize("versions", [1, 500], ids=lambda count: f"{count} versions known")
def test_its_queries_are_a_quarter_of_the_largest(settings: Settings, versions: int) -> None:
    sizes = Sizes()
    commands = [
        messages.place_order(
            order_id=f"o{order}",
            items=tuple({"product_id": _product(order, line), "quantity": 1} for line in range(LINES)),
        )
        for order in range(ORDERS)
    ]
    streams = sorted({stream for one in commands for stream in one.fact_streams})
    assert len(streams) > ORDERS * LINES
    changed = frozenset(one.stream for one in commands)
    with MongoClient[StoredDocument](
        settings.write_mongodb_uri.get_secret_value(), event_listeners=[sizes]
    ) as client:
        database = client.get_database(settings.write_database, codec_options=CODEC, write_concern=DURABLE)
        log, inbox = Log(database, 1), Inbox(database, 1)
        log.create()
        inbox.create()
        assert inbox.earlier([Related(frozenset(streams), changed, Timestamp(2, 0))], ORDERS) == []
        assert log.newer({(0, stream): place % versions for place, stream in enumerate(streams)}) == {}
    assert sizes.largest > ORDERS * LINES * LONGEST_ID
    assert sizes.largest < LARGEST / 4
