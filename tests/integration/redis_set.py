"""A Redis primary with a replica, and the sentinels that watch them, all on 127.0.0.1 and with passwords."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis

from api.local import ports
from api.local.redis_server import RedisServer
from tests.support.waiting import until

NAME = "shop"
PASSWORD = "p@ss/word"
SENTINEL_PASSWORD = "s3ntinel"
DOWN_AFTER_MS = 2_500
"""Silence after which a sentinel calls a server down: longer than a busy machine lets one that lives wait."""
PATIENCE_S = 20


class Member(RedisServer):
    """A server; other arguments are added to those of the embedded one."""

    def __init__(self, folder: Path, *arguments: str, password: str | None = None) -> None:
        super().__init__(folder)
        guard = ("--requirepass", password, "--masterauth", password) if password else ()
        self._more = (*guard, *arguments)
        self.password = password

    def _arguments(self, port: int) -> list[str]:
        return [*super()._arguments(port), *self._more]

    def _is_ready(self, port: int, pid: int) -> bool:
        with redis.Redis(ports.HOST, port, password=self.password, socket_timeout=1) as client:
            try:
                return bool(client.info("server")["process_id"] == pid)
            except redis.RedisError:  # still loading its file
                return False

    def __exit__(self, *_: object) -> None:
        """End at once: a server that stops waits for its replicas, and nobody reads its data again."""
        self.kill()

    def client(self) -> redis.Redis:
        return redis.Redis(
            ports.HOST,
            self.port,
            password=self.password,
            socket_timeout=PATIENCE_S,
            decode_responses=True,
        )

    def follow(self, other: "Member") -> None:
        """Become a replica, with the connections of clients left open."""
        with self.client() as client:
            client.execute_command("REPLICAOF", ports.HOST, other.port)

    def start_over(self) -> None:
        """Be an empty primary."""
        with self.client() as client:
            client.execute_command("REPLICAOF", "NO", "ONE")
            client.flushall()


class Sentinel(Member):
    """One that watches a primary."""

    name = "sentinel"

    def __init__(self, folder: Path, primary: Member) -> None:
        super().__init__(folder, password=SENTINEL_PASSWORD)
        self._primary = primary

    def _arguments(self, port: int) -> list[str]:
        lines = (
            f"bind {ports.HOST}",
            f"port {port}",
            f"requirepass {SENTINEL_PASSWORD}",
            f"sentinel sentinel-pass {SENTINEL_PASSWORD}",
            f"sentinel monitor {NAME} {ports.HOST} {self._primary.port} 2",
            f"sentinel auth-pass {NAME} {PASSWORD}",
            f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {NAME} 2000",
        )
        (self.directory / "sentinel.conf").write_text("\n".join(lines) + "\n")
        return ["sentinel.conf", "--sentinel"]

    def state(self) -> dict[str, Any]:
        """What it knows of the primary."""
        with self.client() as client:
            state: Any = client.sentinel_master(NAME)
        return dict(state)

    def knows_all(self) -> bool:
        """Whether it has found the replica and the other sentinels."""
        state = self.state()
        return bool(state["num-slaves"] == 1 and state["num-other-sentinels"] == 2)

    def sees_a_replica(self) -> bool:
        with self.client() as client:
            replicas: Any = client.sentinel_slaves(NAME)
        return any(not (one["is_sdown"] or one["is_disconnected"]) for one in replicas)


class RedisSet:
    """Two servers of which one is the primary, and three sentinels."""

    def __init__(self, members: tuple[Member, Member], sentinels: list[Sentinel]) -> None:
        self.members = members
        self.sentinels = sentinels

    def primary(self) -> Member:
        """The one that the sentinels name."""
        port = self.sentinels[0].state()["port"]
        return next(member for member in self.members if member.port == port)

    def has_a_replica(self) -> bool:
        """Whether the other server has caught up, and every sentinel would choose it."""
        with self.primary().client() as client:
            followers = client.info("replication")["connected_slaves"]
        return followers == 1 and all(sentinel.sees_a_replica() for sentinel in self.sentinels)


@contextmanager
def watched(folder: Path) -> Iterator[RedisSet]:
    """A set whose sentinels know both servers and one another."""
    with ExitStack() as running:
        first = running.enter_context(Member(folder / "a", password=PASSWORD))
        follows = ("--replicaof", f"{ports.HOST} {first.port}")
        second = running.enter_context(Member(folder / "b", *follows, password=PASSWORD))
        sentinels = [running.enter_context(Sentinel(folder / f"s{n}", first)) for n in range(3)]
        for sentinel in sentinels:
            until(sentinel.knows_all, PATIENCE_S, "a sentinel that knows the set")
        yield RedisSet((first, second), sentinels)
