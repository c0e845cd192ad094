"""A runner that stalls before a chosen write of its to one database, for as long as the test likes."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from pymongo.collection import Collection
from pymongo.database import Database

from tests.integration.crashes import WRITES
from tests.integration.turns import Player

_THIS_THREAD = threading.local()


@contextmanager
def stalls_at_writes(database: Database[Any]) -> Iterator[Callable[[Callable[[], object]], Player]]:
    """Within the block, what is started by the function given pauses before each of its writes."""

    def start(work: Callable[[], object]) -> Player:
        def played(player: Player) -> None:
            _THIS_THREAD.player = player
            work()

        return Player(played)

    with ExitStack() as stack:
        for name in WRITES:
            wrapped = _wrapped(database.name, getattr(Collection, name))
            stack.enter_context(mock.patch.object(Collection, name, wrapped))
        yield start


def _wrapped(database: str, write: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(collection: Collection[Any], *args: Any, **options: Any) -> Any:
        player: Player | None = getattr(_THIS_THREAD, "player", None)
        if player is not None and collection.database.name == database:
            player.pause()
        return write(collection, *args, **options)

    return wrapped
