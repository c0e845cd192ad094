"""What faults act on: the cluster, whose processes are free to be hit, and who is told when one was."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from random import Random

import redis

from tests.chaos.cluster import Cluster
from tests.support.processes import Process


class Scene:
    """``busy`` holds what a fault has its hands on: another fault takes something else, or waits."""

    def __init__(self, cluster: Cluster, rng: Random, tell: Callable[[str], None]) -> None:
        self.cluster = cluster
        self.rng = rng
        self.busy: set[str] = set()
        self.hits: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        self._tell = tell
        self._open = ExitStack()

    @cached_property
    def redis(self) -> redis.Redis:
        """A client of the one Redis, made when it is first asked for: beside Sentinels nobody does."""
        url = self.cluster.redis_url
        client = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=1)
        self._open.callback(client.close)
        return client

    def note(self, kind: str, *, hit: bool | None) -> None:
        """Tell that a fault has just had its effect, or found nothing to have one on."""
        if hit:
            self.hits[kind] += 1
            self._tell(kind)
        else:
            self.missed[kind] += 1

    def free(self, kind: str) -> Process | None:
        """One of the processes of a kind, if any runs untouched."""
        candidates = [
            process
            for name, process in self.cluster.processes.items()
            if name.startswith(f"{kind}.") and name not in self.busy and process.pid is not None
        ]
        return self.rng.choice(candidates) if candidates else None

    @contextmanager
    def holding(self, name: str) -> Iterator[None]:
        self.busy.add(name)
        try:
            yield
        finally:
            self.busy.discard(name)

    def close(self) -> None:
        self._open.close()
