"""How much one connection may take of what belongs to all, and for how long.

Whatever the server waits for from a caller has a deadline, which starts anew at each step forward: a request
once its first byte has come, its body, and that the answers are read. Nothing is awaited while the server has
a request to answer, however long it works. So a caller that is slow but moves keeps its connection, and none
holds it for nothing.

Near the limit of connections some give way to the newcomer, those first that cost their callers least:
silent ones, then those with half a request, then those whose answers are not read, each the longest first.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from api.server.addresses import Networks


class Awaited(IntEnum):
    """What a caller is waited for, in the order in which connections give way."""

    REQUEST = 0
    REST = 1
    READING = 2


ClientWait = tuple[Awaited, object]
"""What is awaited, and something that changes with every step forward."""


def awaited_from(channel: Any) -> ClientWait | None:
    """What the caller of a channel is waited for; ``None`` while the caller waits for an answer."""
    if channel.total_outbufs_len:
        return Awaited.READING, channel.total_outbufs_len
    if channel.requests or channel.has_unparsed:
        return None
    if channel.request is not None:
        return Awaited.REST, (channel.request, channel.request.headers_finished)
    return Awaited.REQUEST, channel.last_activity


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one server; times in seconds. A caller is looked at every ``look_s``, so each may be that late."""

    connections: int = 1_000
    per_address: int = 200
    """0 for any number."""
    trusted_proxies: Networks = ()
    idle_s: float = 60.0
    head_s: float = 10.0
    body_s: float = 30.0
    body_bytes_per_s: float = 8 * 1024
    """A body may take as much longer as it has at this rate: a slow telephone sends more."""
    output_s: float = 20.0
    """How long an answer may be read no further at all."""
    look_s: float = 1.0

    def seconds_for(self, awaited: Awaited, request: Any) -> float:
        """How long it may be awaited; ``request`` is what has been read of one."""
        if awaited is Awaited.READING:
            return self.output_s
        if awaited is Awaited.REQUEST:
            return self.idle_s
        if request.headers_finished:
            return self.body_s + int(request.body_bytes_received) / self.body_bytes_per_s
        return self.head_s
