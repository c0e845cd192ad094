"""Reads are as new as they claim to be, and show nothing that never was.

A strong read shows at least every outcome that somebody had been told before the read began, and at least
what any read had shown by then. A read that carries a token shows at least what the token stands for; only a
503 is let pass. For a stream that its reader alone changes, reads that carry its newest token never go back.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from tests.failover.history.exchange import Look
from tests.failover.history.history import History
from tests.failover.history.moments import Moments

NOTHING = 0
"""The version of what is not there."""
_ANSWERED = {200, 404}


def check_strong(history: History) -> list[str]:
    known = _known(history)
    found = []
    for look in history.looks:
        for stream, version in _shown(history, look) if look.strong else ():
            least = known[stream].highest_before(look.began) if stream in known else NOTHING
            if version is not None and version < least:
                found.append(f"{look.client}: a strong read of {stream} shows version {version}, not {least}")
    return found


def check_tokens(history: History) -> list[str]:
    found = []
    for look in history.looks:
        shown = dict(_shown(history, look))
        for command_id in look.carried:
            promised = history.versions.get(command_id)
            version = shown.get(look.stream)
            if promised is not None and version is not None and version < promised:
                found.append(
                    f"{look.client}: {look.stream} at version {version}, the token is for {promised}"
                )
    return found


def check_monotonic(history: History) -> list[str]:
    writers: defaultdict[str, set[str]] = defaultdict(set)
    for stream, changes in history.changes.items():
        writers[stream].update(write.client for _, write in changes)
    newest: dict[tuple[str, str], int] = {}
    found = []
    for look in history.looks:
        if not look.carried or writers[look.stream] != {look.client}:
            continue
        for stream, version in _shown(history, look):
            before = newest.get((look.client, stream), NOTHING)
            if stream == look.stream and version is not None:
                if version < before:
                    found.append(f"{look.client}: {stream} went back from version {before} to {version}")
                newest[look.client, stream] = max(before, version)
    return found


def check_known(history: History) -> list[str]:
    """Whatever is shown was decided at some time, and had been asked for when the read ended."""
    began = {
        stream: {version: write.began for version, write in changes}
        for stream, changes in history.changes.items()
    }
    found = []
    for look in history.looks:
        for stream, version in _shown(history, look):
            if version is None:
                found.append(f"{look.client}: {stream} shows {look.shown[stream]!r}, which it never was")
            elif version != NOTHING and began.get(stream, {}).get(version, look.ended + 1) > look.ended:
                found.append(f"{look.client}: {stream} shows version {version}, which nobody had asked for")
    return found


def _known(history: History) -> Mapping[str, Moments]:
    """By stream, from when on somebody knew of each version: by the answer to its command, or by a read."""
    pairs: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
    for stream, changes in history.changes.items():
        pairs[stream] += [(write.told, version) for version, write in changes if write.told is not None]
    for look in history.looks:
        for stream, version in _shown(history, look):
            if version is not None:
                pairs[stream].append((look.ended, version))
    return {stream: Moments(several) for stream, several in pairs.items()}


def _shown(history: History, look: Look) -> Iterator[tuple[str, int | None]]:
    """By stream the version that an answer shows; ``None`` for a value that no version has."""
    if look.status not in _ANSWERED:
        return
    if look.status == 404:
        yield look.stream, NOTHING
        return
    for stream, shown in look.shown.items():
        if isinstance(shown, int):
            yield stream, shown
        else:
            yield stream, max(history.versions_with(stream, shown), default=None)
