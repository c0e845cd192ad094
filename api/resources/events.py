"""The log as a feed for other systems.

Each partition's events come in their order. The partitions take turns, so that none starves. A
place in the feed has two numbers for each partition: the position of the last commit that was given
in full, and how many events of the commit after it were given too. ``next`` holds the place and
never expires.

After many refusals a page may be empty before the end: only ``next`` says where the end is. Events
of different partitions have no order among them: an order may come before its product.

A page that is not full reaches the positions of its request's tokens. To get there the feed reads
on through refusals and waits while a gap hides them; in the end it answers 503. A full page may end
before; ``next`` leads there.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import falcon

from api.http import cursors, queries
from api.http.answers import answer
from api.http.consistency import Token
from api.http.freshness import Freshness
from api.http.problems import malformed
from api.middleware.deferral import Waits
from api.resources.shapes import Feed, FeedEvent
from bus.errors import UnknownMessageError
from bus.log.commit import Commit
from bus.log.log import Log
from bus.messages.registry import newest_data

Value = TypeVar("Value")
Place = tuple[int, int]
"""The last position given in full, and the number of events given of the commit after it."""

EMPTY_ROUNDS = 20
"""The number of batches of refusals alone that are read before an empty page is given."""
READ_ON = 500
"""Commits of a partition read at a time, beyond the first look."""


class EventsResource:
    """``/events``."""

    def __init__(self, log: Log, freshness: Freshness) -> None:
        self._log = log
        self._freshness = freshness
        self._scope = ("events", str(log.partitions))

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> Waits[None]:
        query = queries.read(req, queries.EventsQuery)
        tokens = self._freshness.tokens(req)
        places = self._places(query.after) if query.after else [(0, 0)] * self._log.partitions
        found: list[FeedEvent] = []

        def has_it() -> bool:
            self._read_on(places, found, query.limit, tokens)
            return len(found) == query.limit or not _lacking(places, tokens)

        yield from self._freshness.wait_for(req, has_it, "The feed")
        after = cursors.encode(self._scope, [number for place in places for number in place])
        feed: Feed = {"events": found, "next": after}
        answer(resp, feed)

    def _read_on(
        self, places: list[Place], found: list[FeedEvent], limit: int, tokens: Sequence[Token]
    ) -> None:
        """Read until there is something to show and the tokens are reached.

        It stops earlier at a full page, at the end, at a gap, and after ``EMPTY_ROUNDS`` batches.
        """
        batch = limit
        for _ in range(EMPTY_ROUNDS):
            before = list(places)
            found += self._page(places, limit - len(found), batch)
            full = len(found) == limit or (found and not _lacking(places, tokens))
            if full or places == before:
                return
            batch = max(limit, READ_ON)

    def _page(self, places: list[Place], limit: int, batch: int) -> list[FeedEvent]:
        """Return the next events, at most ``limit``, and move the places on.

        It reads ``batch`` commits of each partition.
        """
        feeds = {
            partition: _steps(self._log.read(partition, seq, batch, state=False).commits, skip)
            for partition, (seq, skip) in enumerate(places)
        }
        found: list[FeedEvent] = []
        while feeds:
            for partition in list(feeds):
                if len(found) == limit:
                    return found
                step = next(feeds[partition], None)
                if step is None:
                    del feeds[partition]
                    continue
                place, event = step
                places[partition] = place
                if event is not None:
                    found.append(event)
        return found

    def _places(self, after: str) -> list[Place]:
        numbers = cursors.decode(after, self._scope, [int] * (2 * self._log.partitions))
        if not all(isinstance(number, int) and 0 <= number < 2**63 for number in numbers):
            raise malformed("cursor", "The cursor cannot be read.")
        pairs = [int(number) for number in numbers]
        return list(zip(pairs[::2], pairs[1::2], strict=True))


def _lacking(places: Sequence[Place], tokens: Iterable[Token]) -> bool:
    """Return True if a place is before the position that a token stands for."""
    return any(places[token.partition][0] < token.seq for token in tokens)


def _steps(commits: Sequence[Commit], skip: int) -> Iterator[tuple[Place, FeedEvent | None]]:
    """Yield a step per event, and per commit without one: the place after it, and the event."""
    for commit in commits:
        events = commit.events if commit.stream is not None else ()
        last = len(events) - 1
        if skip > last:
            yield (commit.seq, 0), None
        for index, event in enumerate(events[skip:], start=skip):
            place = (commit.seq, 0) if index == last else (commit.seq - 1, index + 1)
            yield place, _shown(commit, event)
        skip = 0


def _shown(commit: Commit, event: Mapping[str, Any]) -> FeedEvent:
    """Return the event in its newest form, or as stored if only a newer build can read it."""
    try:
        data = newest_data(event)
    except UnknownMessageError:
        data = event["data"]
    return {
        "command_id": _given(commit.command_id),
        "correlation_id": _given(commit.correlation_id),
        "stream": _given(commit.stream),
        "version": _given(commit.version),
        "at": _given(commit.at),
        "type": event["type"],
        "data": data,
        "partition": commit.partition,
        "seq": commit.seq,
    }


def _given(value: Value | None) -> Value:
    """Return the value; raise ``ValueError`` if it is missing. A stream's commit always has it."""
    if value is None:
        raise ValueError("a commit of a stream lacks a field")
    return value
