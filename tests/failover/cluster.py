"""The product on a replica set of three and on a Redis that fails over, with two processes of each kind.

The processes are the Procfile's lines as they are. Each ``web`` has a port of its own, so that a client can
write through one process and read through the other.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import httpx

from api.local import ports
from api.local.redis_server import RedisServer
from tests.chaos import cluster
from tests.failover.servers.redis_set import RedisSet
from tests.failover.servers.replica_set import ReplicaSet, when_told
from tests.support.plain_http import NO_TLS

SCALE = {"web": 2, "commands": 2, "projections": 2, "clock": 2}
SWEEP_AFTER_MS = 5_000
"""The product's own default, where ``make chaos`` sweeps much more often."""


class Cluster(cluster.Cluster):
    """``entries`` are the modules run in place of the Procfile's, by kind.

    Where the replica set does not elect by itself (``elects``), a fault has all the time that it needs.
    """

    mongo: ReplicaSet
    redis_set: RedisSet | None

    def __init__(
        self,
        scale: Mapping[str, int] = SCALE,
        entries: Mapping[str, str] | None = None,
        *,
        sentinels: bool = True,
        elects: bool = True,
        **settings: str,
    ) -> None:
        super().__init__(scale, entries or {}, **{"SWEEP_AFTER_MS": str(SWEEP_AFTER_MS), **settings})
        self._sentinels = sentinels
        self._elects = elects
        self.ports: list[int] = []

    def is_ready(self) -> bool:
        try:
            return all(
                httpx.get(
                    f"http://127.0.0.1:{port}/health/ready", timeout=5, trust_env=False, verify=NO_TLS
                ).is_success
                for port in self.ports
            )
        except httpx.TransportError:
            return False

    def _start_servers(self, folder: Path, starting: ExitStack) -> tuple[str, str]:
        self.mongo = starting.enter_context(ReplicaSet(folder) if self._elects else when_told(folder))
        if not self._sentinels:
            self.redis_set = None
            self.redis = starting.enter_context(RedisServer(folder))
            return self.redis.url, self.mongo.uri
        self.redis_set = starting.enter_context(RedisSet(folder))
        return self.redis_set.url, self.mongo.uri

    def _line(self, name: str, command: str) -> str:
        """The network learns which process has which name; ``exec`` keeps the id."""
        return f"echo $$ > '{self.mongo.network.clients}/{name}.pid'; {command}"

    def _own(self, kind: str, number: int) -> Mapping[str, str]:
        if kind != "web":
            return {}
        if number == 1:
            self.ports.append(self.port)
        else:
            self.ports.append(next(port for port in ports.candidates() if port not in self.ports))
        return {"API_PORT": str(self.ports[-1])}
