"""A Redis primary, its replica, and three Sentinels that change their parts when one fails."""

import os
from contextlib import ExitStack, suppress
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Any, Self

import redis

from api.local import ports
from api.local.redis_server import RedisServer
from tests.failover.servers.sentinel import SET, Sentinel
from tests.support.waiting import until

LOOK_S = 0.5
SENTINELS = 3
READY_S = 30.0


class RedisSet:
    """Running and healthy from entering to leaving."""

    def __init__(self, folder: Path) -> None:
        self.servers = [RedisServer(folder / title) for title in ("r1", "r2")]
        self.sentinels = [
            Sentinel(folder / f"s{number}", self.servers[0]) for number in range(1, SENTINELS + 1)
        ]
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            for server in self.servers:
                starting.callback(server.kill)
                server.start()
            with _client(self.servers[1].port) as client:
                client.replicaof(ports.HOST, self.servers[0].port)
            for sentinel in self.sentinels:
                starting.callback(sentinel.kill)
                sentinel.start()
            until(self.healthy, READY_S, "a primary, its replica and all Sentinels", poll=0.1)
            self._open = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def url(self) -> str:
        """Where the product finds it: the addresses of the Sentinels, and the name of what they watch."""
        addresses = ",".join(f"{ports.HOST}:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{addresses}/{SET}/0"

    def primary(self) -> RedisServer | None:
        """The server that the Sentinels call the primary; ``None`` if they name none that is known."""
        for sentinel in self.sentinels:
            with suppress(redis.RedisError), _client(sentinel.port) as client:
                address: Any = client.sentinel_get_master_addr_by_name(SET)
                return next((one for one in self.servers if address and one.port == int(address[1])), None)
        return None

    def healthy(self) -> bool:
        """Whether the primary is one, the other follows it, and every Sentinel knows both others."""
        primary = self.primary()
        if primary is None:
            return False
        try:
            for server in self.servers:
                with _client(server.port) as client:
                    told: Any = client.info("replication")
                if server is primary:
                    if told["role"] != "master" or told["connected_slaves"] != 1:
                        return False
                elif told["role"] != "slave" or told["master_link_status"] != "up":
                    return False
            return all(self._is_informed(sentinel) for sentinel in self.sentinels)
        except redis.RedisError:
            return False

    def pause(self, server: RedisServer) -> None:
        if (pid := server.pid) is not None:
            os.kill(pid, SIGSTOP)

    def resume(self, server: RedisServer) -> None:
        if (pid := server.pid) is not None:
            os.kill(pid, SIGCONT)

    def _is_informed(self, sentinel: Sentinel) -> bool:
        with _client(sentinel.port) as client:
            state: Any = client.sentinel_master(SET)
        others = SENTINELS - 1
        return bool(state["num-other-sentinels"] == others and state["num-slaves"] == len(self.servers) - 1)


def _client(port: int) -> redis.Redis:
    return redis.Redis(ports.HOST, port, socket_timeout=LOOK_S, socket_connect_timeout=LOOK_S)
