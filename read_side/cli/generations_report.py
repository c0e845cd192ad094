"""``python -m read_side generations``, ``use`` and ``drop`` as they run and print."""

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict

from rich.table import Table

from bus.audit_trail.actions import Action
from bus.audit_trail.command_line import recorder
from bus.cli import moment, write_json
from bus.connections.mongodb_address import READ_URI, WRITE_URI
from bus.connections.preflight import settings_with_servers
from bus.settings import Settings
from bus.tables import table
from bus.terminal import Terminal
from read_side.cli.rebuild_report import connected
from read_side.errors import GenerationError, RebuildRefusedError
from read_side.generations.registry import Generation, RegistryEntry, State
from read_side.projections import READ_MODELS, by_name
from read_side.projections.model import ReadModel
from read_side.rebuild.rebuild import Rebuild, RebuildTools

_PLACE = re.compile(r"(?P<name>[a-z_]+)\.g(?P<number>[1-9][0-9]{0,8})")


def named(text: str) -> tuple[str, int]:
    """Return name and number of ``order_summary.g2``; raise ``GenerationError`` for other text."""
    match = _PLACE.fullmatch(text)
    if match is None:
        raise GenerationError(f"{text} is no generation: name it like order_summary.g2")
    return match["name"], int(match["number"])


def show(*, as_json: bool) -> None:
    with _tools() as tools:
        entries = list(tools.generations.entries())
    rows = [(entry, generation) for entry in entries for generation in entry.generations.values()]
    if as_json:
        told = [{"read_model": e.name, "live": e.live == g.number, **asdict(g)} for e, g in rows]
        write_json(told)
    else:
        Terminal().print(listed(rows))


def listed(rows: Iterable[tuple[RegistryEntry, Generation]]) -> Table:
    """Return a table with one row for each generation.

    It shows the zone whose days the generation counts, and notes if this code does not fold it.
    """
    versions = {model.name: model.version for model in READ_MODELS}
    shown = table("generation", words=("state", "folded by version", "since (UTC)", "until (UTC)"))
    for entry, generation in sorted(rows, key=lambda row: (row[0].name, row[1].number)):
        own = versions.get(entry.name)
        zone = f" {generation.time_zone}" if generation.time_zone else ""
        note = "" if own == generation.version else f" (this is {own or 'not in the table'})"
        shown.add_row(
            f"{entry.name}.g{generation.number}",
            entry.state_of(generation.number),
            f"{generation.version}{note}{zone}",
            moment(generation.since),
            moment(generation.until),
        )
    return shown


def use(text: str) -> None:
    """Put a generation in service.

    Raises:
        GenerationError: it is not there, or this code does not project it, or no worker does.

    """
    name, number = named(text)
    with _recorded(Action.USE_GENERATION, text) as tools:
        generation = _registered(tools.generations.entry(name), number)
        model = _model(name)
        if generation.state not in {State.READY, State.RETIRING}:
            raise GenerationError(f"{text} is {generation.state.value}")
        if generation.version != model.version:
            raise GenerationError(
                f"{text} was folded by version {generation.version} of its code, and this is"
                f" {model.version}: run this where that code is"
            )
        Rebuild(tools, model).put_in_service(number)
    Terminal().print(f"{text} is live")


def drop(text: str) -> None:
    """Take a generation out of service, or delete one that is being built and has no builder.

    Raises:
        GenerationError: it is live or not there.
        RebuildRefusedError: it is being built.

    """
    name, number = named(text)
    with _recorded(Action.DROP_GENERATION, text) as tools:
        generation = _registered(tools.generations.entry(name), number)
        if generation.state is State.BUILDING:
            _drop_unfinished(tools, name, number)
            Terminal().print(f"{text} is deleted")
            return
        removed = name not in {model.name for model in READ_MODELS}  # and then nothing of it is served
        tools.generations.let_go(name, number, even_live=removed)
    Terminal().print(f"{text} is out of service; a worker deletes it in a minute")


def _drop_unfinished(tools: RebuildTools, name: str, number: int) -> None:
    lease = tools.generations.take(name, "drop")
    if lease is None:
        raise RebuildRefusedError(f"{name} is being rebuilt, or was until a moment ago")
    try:
        tools.generations.give_up(lease, number)
        tools.retirement.delete(name, number)  # if somebody still writes to it, a worker does it later
    finally:
        tools.generations.release(lease)


def _registered(entry: RegistryEntry, number: int) -> Generation:
    if number not in entry.generations:
        raise GenerationError(f"there is no {entry.name}.g{number}")
    return entry.generations[number]


def _model(name: str) -> ReadModel:
    try:
        return by_name(name)
    except LookupError as error:
        raise GenerationError(str(error)) from None


@contextmanager
def _tools() -> Iterator[RebuildTools]:
    with ExitStack() as stack:
        yield connected(settings_with_servers(WRITE_URI, READ_URI), _no_fill, threading.Event(), stack)


@contextmanager
def _recorded(action: Action, place: str) -> Iterator[RebuildTools]:
    with (
        _tools() as tools,
        recorder(Settings.for_command_line()) as recorded,
        recorded(action, {"generation": place}),
    ):
        yield tools


def _no_fill(model: ReadModel, generation: int, tick: Callable[[], None]) -> None:
    del tick
    raise GenerationError(f"only a rebuild fills {model.name}.g{generation}")
