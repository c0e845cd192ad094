"""The versions of a stream respect real time.

If the answer that accepted A ended before B was asked for, A is decided before B. An answer that A is done
ends no earlier than the one that accepted it, so what holds for acceptance holds for outcomes.
"""

from collections.abc import Mapping

from tests.failover.history.history import History
from tests.failover.history.moments import Moments


def check(history: History) -> list[str]:
    return [*_changes(history), *_without_effect(history)]


def _changes(history: History) -> list[str]:
    found = []
    for stream, changes in history.changes.items():
        earliest = None
        for version, write in reversed(changes):
            if earliest is not None and earliest[1].accepted < write.began:
                later, first = earliest
                found.append(
                    f"{stream}: {first.key} is version {later} and had been accepted before {write.key}, "
                    f"which is version {version}, was asked for"
                )
            if earliest is None or write.accepted < earliest[1].accepted:
                earliest = version, write
    return found


def _without_effect(history: History) -> list[str]:
    """A success that changes nothing tells the version that it found."""
    accepted, began = accepted_moments(history), began_moments(history)
    found = []
    for write in history.writes:
        decided = write.only
        if decided is None or decided.effect or decided.version is None or decided.stream not in accepted:
            continue
        least = accepted[decided.stream].highest_before(write.began)
        above = began[decided.stream].lowest_after(write.accepted)
        if decided.version < least or (above is not None and decided.version >= above):
            found.append(
                f"{decided.stream}: {write.key} found version {decided.version}, {least} was before it"
            )
    return found


def accepted_moments(history: History) -> Mapping[str, Moments]:
    """By stream, when each of its versions was known to be accepted."""
    return {
        stream: Moments((write.accepted, version) for version, write in changes)
        for stream, changes in history.changes.items()
    }


def began_moments(history: History) -> Mapping[str, Moments]:
    """By stream, when each of its versions was first asked for."""
    return {
        stream: Moments((write.began, version) for version, write in changes)
        for stream, changes in history.changes.items()
    }
