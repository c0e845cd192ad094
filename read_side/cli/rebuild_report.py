"""``python -m read_side rebuild`` as it runs and prints: progress first, then the results."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from bus.audit_trail.actions import Action
from bus.audit_trail.command_line import recorder
from bus.cli import write_json
from bus.connections.clients import read_database, redis_client, write_database
from bus.connections.mongodb_address import READ_URI, WRITE_URI
from bus.connections.preflight import settings_with_servers
from bus.log.log import Log
from bus.notify.doorbells import Doorbells
from bus.observability import logs
from bus.queue.worker_process import stop_on_signals
from bus.settings import Settings
from bus.terminal import Terminal
from read_side.errors import RebuildRefusedError
from read_side.generations.generations import Generations
from read_side.generations.registry import Registry
from read_side.generations.retirement import Retirement
from read_side.parked.parking import Parking
from read_side.projections import READ_MODELS, by_name
from read_side.projections.model import ReadModel
from read_side.projector.checkpoints import Checkpoints
from read_side.rebuild.comparison import Comparison
from read_side.rebuild.filling import Fill, builder
from read_side.rebuild.filling_pool import FillingPool, SharedFill
from read_side.rebuild.rebuild import Rebuild, RebuildListener, RebuildTools, Rebuilt

MOST_LINES = 40
"""The most lines that are printed of one read model's differences."""
LONGEST_LINE = 300


def chosen(names: Sequence[str], *, everything: bool) -> list[ReadModel]:
    """Return the models of these names, each once.

    Raises:
        RebuildRefusedError: no name is given, or one is unknown.

    """
    if everything:
        return list(READ_MODELS)
    if not names:
        raise RebuildRefusedError("name the read models to rebuild, or say --all")
    try:
        return [by_name(name) for name in dict.fromkeys(names)]
    except LookupError as error:
        raise RebuildRefusedError(str(error)) from None


def run(  # noqa: PLR0913 - the command's options
    models: Sequence[ReadModel],
    *,
    keep_old: bool,
    diff: bool,
    swap: bool,
    processes: int | None,
    as_json: bool,
) -> None:
    """Rebuild models side by side, and print the result of each. If one fails, the others go on.

    Raises:
        RebuildRefusedError, RebuildStoppedError, ...: the error of the first of those that failed.

    """
    settings = settings_with_servers(WRITE_URI, READ_URI)
    stopping = stop_on_signals()
    results: list[Rebuilt] = []
    failed: list[Exception] = []
    console = Terminal(stderr=as_json)
    with ExitStack() as open_until_the_end:
        pool = open_until_the_end.enter_context(FillingPool(settings, processes))
        together = SharedFill(pool, [model.name for model in models])
        tools = connected(settings, together, stopping, open_until_the_end)
        recorded = open_until_the_end.enter_context(recorder(settings))
        bar = open_until_the_end.enter_context(_bar(console))
        threads = open_until_the_end.enter_context(ThreadPoolExecutor(len(models)))

        def rebuild(model: ReadModel, line: _Bar) -> Rebuilt:
            try:
                with recorded(Action.REBUILD, {"read_model": model.name}):
                    return Rebuild(tools, model, line).run(keep_old=keep_old, swap=swap)
            finally:
                together.leave(model.name)

        in_zone = [model.in_zone(settings.shop_zone) for model in models]
        running = [threads.submit(rebuild, model, _Bar(bar, model.name)) for model in in_zone]
        for each in running:
            try:
                results.append(each.result())
            except Exception as error:  # noqa: BLE001 - it is raised, or told, when all are done
                failed.append(error)
            else:
                if not as_json:
                    _show(results[-1], console, kept=keep_old, diff=diff)
        for further in failed[1:]:  # the first is told by whoever called
            console.print(str(further), highlight=False)
    if failed:
        raise failed[0]
    if as_json:
        write_json([asdict(rebuilt) for rebuilt in results])


def connected(
    settings: Settings, fill: Fill, stopping: threading.Event, open_until_the_end: ExitStack
) -> RebuildTools:
    """Return the tools of rebuilds, with connections that are closed with the stack."""
    logs.configure("WARNING", settings.log_format)  # what is done is printed
    writes, reads, client = write_database(settings), read_database(settings), redis_client(settings)
    for connection in (writes.client, reads.client, client):
        open_until_the_end.enter_context(connection)
    log = Log(writes, settings.log_partitions)
    log.create()  # which refuses another number of partitions
    checkpoints = Checkpoints(reads, settings.lease_ms)
    generations = Generations(reads, lease_ms=settings.lease_ms)
    return RebuildTools(
        log=log,
        registry=Registry(reads),
        generations=generations,
        checkpoints=checkpoints,
        parking=Parking(reads),
        retirement=Retirement(reads, generations, checkpoints, builder()),
        doorbells=Doorbells(client),
        fill=fill,
        stopping=stopping,
        lease_ms=settings.lease_ms,
    )


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", style="progress.data.speed", justify="right")


def _bar(console: Terminal) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[phase]}", style="dim"),
        console=console,
    )


class _Bar(RebuildListener):
    """The progress line of one read model."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._name = name
        self._task: TaskID = progress.add_task(name, total=None, phase="")
        self._started = False

    def begins(self, generation: int, *, resumed: bool) -> None:
        self._progress.update(self._task, description=f"{self._name}.g{generation}")
        if resumed:
            self._progress.console.print(f"{self._name}.g{generation} was begun before: going on with it")

    def is_filled_up_to(self, done: int, total: int) -> None:
        if not self._started:  # what an earlier rebuild has done is not this one's speed
            self._progress.reset(self._task, completed=done, total=total)
            self._started = True
        self._progress.update(self._task, completed=done, total=total)

    def enters(self, phase: str) -> None:
        self._progress.update(self._task, phase=phase)


def _show(rebuilt: Rebuilt, console: Terminal, *, kept: bool, diff: bool) -> None:
    name, new, old = rebuilt.read_model, rebuilt.generation, rebuilt.previous
    rate = f"{rebuilt.commits / rebuilt.seconds:,.0f}/s" if rebuilt.seconds > 0 else ""
    console.print(f"{name}.g{new}: {rebuilt.commits:,} commits in {rebuilt.seconds:.1f} s, {rate}")
    if rebuilt.time_zone is not None:
        console.print(f"  counts by the days of {rebuilt.time_zone}")
    console.print("  " + summary(rebuilt.comparison, f"{name}.g{old}"))
    if diff:
        for line in lines(rebuilt.comparison):
            console.print("  " + line, highlight=False, soft_wrap=True)
    if rebuilt.parked:
        console.print(f"  {rebuilt.parked:,} streams are parked: see python -m read_side parked")
    if not rebuilt.live:
        console.print(f"  ready beside {name}.g{old}, until: python -m read_side use {name}.g{new}")
    elif kept:
        console.print(f"  live; {name}.g{old} is kept until: python -m read_side drop {name}.g{old}")
    else:
        console.print(f"  live; {name}.g{old} retires. To go back: python -m read_side use {name}.g{old}")


def summary(comparison: Comparison, live: str) -> str:
    """Return one line that sums up a comparison with the ``live`` generation."""
    said = f"{comparison.documents:,} documents compared with {live}: "
    if not (comparison.differs or comparison.moving):
        return said + "no difference"
    counts = {
        "changed": comparison.changed,
        "only in the new one": comparison.added,
        "only in the live one": comparison.removed,
        "not compared, as they kept changing or the live ones are behind": comparison.moving,
    }
    return said + ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)


def lines(comparison: Comparison) -> list[str]:
    """Return one line for each change, at most ``MOST_LINES``.

    If there are more changes, a last line says how many documents differ.
    """
    told = [
        f"{change.document}{'' if change.field is None else ' ' + change.field}:"
        f" live {change.live}, new {change.new}"
        for change in comparison.changes[:MOST_LINES]
    ]
    told = [line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + " ..." for line in told]
    documents = comparison.changed + comparison.added + comparison.removed
    if len(comparison.changes) > MOST_LINES:
        told.append(f"... and more: {documents:,} documents differ in all")
    return told
