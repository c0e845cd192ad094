"""Runs ``python -m bus dead`` and prints what it finds and does."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

from rich.console import Group, RenderableType
from rich.json import JSON
from rich.padding import Padding
from rich.text import Text

from bus.audit_trail.actions import Action
from bus.audit_trail.callers import of_this_process
from bus.audit_trail.command_line import recorder
from bus.cli import moment, to_json, write_json
from bus.connections.clients import redis_client, write_database
from bus.connections.mongodb_address import WRITE_URI
from bus.connections.preflight import settings_with_servers
from bus.dead_letters.dead_letter import LetterState
from bus.dead_letters.failures import Failure, FailureKind, Failures
from bus.errors import RefusedError
from bus.queue.broker import Broker
from bus.settings import Settings
from bus.terminal import Terminal

COLOURS = {LetterState.KEPT: "red", LetterState.RETRIED: "green", LetterState.DISCARDED: "dim"}


def kinds(*, failed: bool, letters: bool) -> tuple[FailureKind, ...]:
    """Return the kinds that two switches ask for; both or neither ask for every kind."""
    if failed == letters:
        return tuple(FailureKind)
    return (FailureKind.COMMAND,) if failed else (FailureKind.LETTER,)


@contextmanager
def _failures() -> Iterator[Failures]:
    settings = settings_with_servers(WRITE_URI)
    database, client = write_database(settings), redis_client(settings)
    with database.client, client:
        yield Failures(database, Broker(client))


def show_list(
    wanted: Sequence[FailureKind], queue: str | None, limit: int, *, resolved: bool, as_json: bool
) -> None:
    """Print the newest failures, at most ``limit``."""
    with _failures() as failures:
        found = failures.newest(wanted, queue, limit + 1, resolved=resolved)
    shown = found[:limit]
    if as_json:
        write_json([asdict(failure) for failure in shown])
        return
    console = Terminal()
    if not shown:
        console.print("Nothing waits for an operator." if not resolved else "There is nothing.")
        return
    for failure in shown:
        console.print(lines(failure))
    if len(found) > limit:
        console.print(f"There are more than these {limit}: see --limit.", style="yellow")


def lines(one: Failure) -> RenderableType:
    """Return the id in full, as commands take it; below it the time, queue, what it is, and why."""
    state = "" if one.state == LetterState.KEPT else f"({one.state}) "
    head, *_ = one.reason.splitlines() or [""]
    told = f"{moment(one.since)}  {one.queue}  {one.what}  {state}{head}"
    return Group(Text(one.id, style=COLOURS[LetterState(one.state)]), Padding(Text(told), (0, 0, 0, 2)))


def show_one(failure_id: str, *, as_json: bool) -> bool:
    """Print all that is known under an id, and return True.

    Raises:
        RefusedError: nothing is known under it.

    """
    with _failures() as failures:
        found = failures.in_full(failure_id)
    if not found:
        raise RefusedError(f"there is no dead letter and no failed command {failure_id}")
    if as_json:
        write_json(found)
        return True
    console = Terminal()
    for document in found:
        console.print(JSON(to_json(document), ensure_ascii=False), soft_wrap=True)
    return True


def open_ids(wanted: Sequence[FailureKind], queue: str | None) -> list[str]:
    """Return the ids of all that waits now. What fails again meanwhile is not among them."""
    with _failures() as failures:
        return failures.open_ids(wanted, queue)


def retry(ids: Sequence[str], *, reason: str) -> bool:
    """Retry these failures; return True if none was refused."""
    with _failures() as failures:
        return _each(ids, failures.retry, Action.RETRY_DEAD, reason)


def discard(ids: Sequence[str], *, reason: str) -> bool:
    """Set these failures aside; return True if none was refused."""
    with _failures() as failures:
        return _each(ids, failures.discard, Action.DISCARD_DEAD, reason)


def _each(ids: Sequence[str], deal: Callable[..., str], action: Action, reason: str) -> bool:
    """Print a line for each: what happened, on stdout, or why it was refused, on stderr.

    Return True if none was refused.
    """
    done, refused = Terminal(), Terminal(stderr=True)
    who = of_this_process().name
    all_done = True
    with recorder(Settings.for_command_line()) as recorded:
        for failure_id in ids:
            try:
                with recorded(action, {"dead": failure_id}):
                    happened = deal(failure_id, by=who, reason=reason)
            except RefusedError as error:
                refused.print(Text.assemble(("refused:", "red"), f" {error}"), soft_wrap=True)
                all_done = False
            else:
                done.print(f"{failure_id}: {happened}", soft_wrap=True, highlight=False)
    if not ids:
        done.print("Nothing waits for an operator.")
    return all_done
