"""A delivery as people see it: a bar while it goes on, and a table at the end."""

from collections.abc import Sequence

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from api.client.delivery import Delivery, Report, Request
from bus.terminal import Terminal


def deliver(
    delivery: Delivery, stages: Sequence[Sequence[Request]], console: Terminal, *, visible: bool = False
) -> None:
    """Send everything and wait for it, under a progress bar.

    Raises:
        ServiceError: the service is away for too long, or gets nothing done.

    """
    with Progress(
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as progress:
        sending = progress.add_task("Sending", total=sum(map(len, stages)))
        delivery.send(stages, lambda: progress.advance(sending))
        settling = progress.add_task("Carried out", total=delivery.unfinished)
        delivery.await_outcomes(lambda: progress.advance(settling), visible=visible)


def table(report: Report, kinds: Sequence[str]) -> Table:
    """Return a table of what was done, with a row for each kind."""
    shown = Table("", "new", "known already", "refused")
    for column in shown.columns[1:]:
        column.justify = "right"
    for kind in kinds:
        shown.add_row(kind, str(report.new[kind]), str(report.known[kind]), str(report.refused_of[kind]))
    return shown
