"""The watch: sees in MongoDB when orders become visible, and how long that was after they were sent.

It asks for all orders that it waits for at once, every two milliseconds while there are any, from a thread of
its own. Asking costs the database a little; it is the same for everybody that is watched.
"""

import threading
import time
from typing import Any, Self

from pymongo.collection import Collection

POLL_S = 0.002
PATIENCE_S = 120.0


class Watch:
    """Over one collection whose ``_id`` are the orders' ids; ``milliseconds`` in the order of appearance."""

    def __init__(self, collection: Collection[dict[str, Any]]) -> None:
        self._collection = collection
        self._awaited: dict[str, float] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
        self.milliseconds: list[float] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(PATIENCE_S)

    def expect(self, order_id: str, sent_at: float) -> None:
        """Wait for an order, sent at a moment of ``time.perf_counter``."""
        with self._lock:
            self._awaited[order_id] = sent_at

    def until_seen(self) -> None:
        """Return when all are visible; raises ``TimeoutError``."""
        deadline = time.monotonic() + PATIENCE_S
        while self._awaited:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise TimeoutError(f"{len(self._awaited)} orders have not become visible")
            time.sleep(POLL_S)

    def _look(self) -> None:
        while not self._stopping.is_set():
            with self._lock:
                awaited = list(self._awaited)
            if awaited:
                found = self._collection.find({"_id": {"$in": awaited}}, {"_id": True})
                seen = [order["_id"] for order in found]
                now = time.perf_counter()
                with self._lock:
                    self.milliseconds += [1000 * (now - self._awaited.pop(order_id)) for order_id in seen]
            time.sleep(POLL_S / 2 if awaited else POLL_S)
