"""Limits how much one connection may take of what belongs to all, and for how long.

The server sets a deadline for everything that it awaits from a caller, and each step forward starts
the deadline anew. It awaits a request once the first byte has come, then its body, then that the
caller reads the answers. It awaits nothing while it has a request to answer, however long it works.
So a caller that is slow but moves keeps its connection, and no caller holds one for nothing.

Near the limit of connections some give way to the newcomer. The first are those that cost their
callers least: silent ones, then those with half a request, then those whose answers are not read.
In each group the connection that has waited longest goes first.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from api.server.addresses import Networks


class Awaited(IntEnum):
    """The kinds of waiting for a caller, in the order in which connections give way."""

    REQUEST = 0
    REST = 1
    READING = 2


ClientWait = tuple[Awaited, object]
"""The thing that is awaited, and a value that changes with every step forward."""


def awaited_from(channel: Any) -> ClientWait | None:
    """Return what the server awaits from the caller; ``None`` while the caller awaits an answer."""
    if channel.total_outbufs_len:
        return Awaited.READING, channel.total_outbufs_len
    if channel.requests or channel.has_unparsed:
        return None
    if channel.request is not None:
        return Awaited.REST, (channel.request, channel.request.headers_finished)
    return Awaited.REQUEST, channel.last_activity


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one server; times in seconds.

    The server looks at its callers every ``look_s``, so it may act late by that time.
    """

    connections: int = 1_000
    per_address: int = 200
    """The connections that one address may have; 0 for any number."""
    trusted_proxies: Networks = ()
    idle_s: float = 60.0
    head_s: float = 10.0
    body_s: float = 30.0
    body_bytes_per_s: float = 8 * 1024
    """A body gets a second more for each so many bytes: a slow telephone sends more than that."""
    output_s: float = 20.0
    """The seconds for which a caller may read nothing at all of its answer."""
    look_s: float = 1.0

    def seconds_for(self, awaited: Awaited, request: Any) -> float:
        """Return how many seconds it may be awaited; ``request`` is what was read of a request."""
        if awaited is Awaited.READING:
            return self.output_s
        if awaited is Awaited.REQUEST:
            return self.idle_s
        if request.headers_finished:
            return self.body_s + int(request.body_bytes_received) / self.body_bytes_per_s
        return self.head_s
