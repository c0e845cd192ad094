"""One Redis Sentinel: with the others it makes a replica the primary when the primary fails."""

from pathlib import Path

from api.local import ports
from api.local.redis_server import RedisServer

DOWN_MS = 2_000
"""Silence after which a Sentinel takes a server for dead."""
FAILOVER_MS = 6_000
"""Time after which a failover that came to nothing is tried again."""
QUORUM = 2
SET = "twofold"
"""The name that the Sentinels know the primary by."""


class Sentinel(RedisServer):
    """Of the same program as the servers. It keeps what it learns in its configuration file."""

    name = "sentinel"

    def __init__(self, folder: Path, watched: RedisServer) -> None:
        super().__init__(folder)
        self._watched = watched

    def _arguments(self, port: int) -> list[str]:
        file = self.directory / "sentinel.conf"
        if not file.exists():
            file.write_text(self._configuration(port))
        return [str(file), "--sentinel"]

    def _configuration(self, port: int) -> str:
        lines = (
            f"port {port}",
            f"bind {ports.HOST}",
            "dir .",
            f"sentinel monitor {SET} {ports.HOST} {self._watched.port} {QUORUM}",
            f"sentinel down-after-milliseconds {SET} {DOWN_MS}",
            f"sentinel failover-timeout {SET} {FAILOVER_MS}",
        )
        return "\n".join(lines) + "\n"
