"""``python -m api replay``: reads Northwind, sends it, and says what was done."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from api.replay import northwind
from api.replay.delivery import Delivery, Report
from api.replay.request import Request
from api.replay.sender import Sender, connect
from bus.settings import Settings

SUBJECT = "northwind-replay"
"""Idempotency keys count per subject, so it is always the same."""
KINDS = (
    northwind.CUSTOMERS,
    northwind.PRODUCTS,
    northwind.PRICE_CHANGES,
    northwind.ORDERS,
    northwind.STATUS_CHANGES,
    northwind.DISCONTINUATIONS,
)
SHOWN = 20
"""How many of the refused are listed."""


def replay(folder: Path, url: str | None) -> bool:
    """Replay the files of a folder; return whether nothing was refused.

    Raises:
        BadInputError: about the files; nothing was sent.
        ServiceError: the service cannot be reached, or gets nothing done.
        ConfigurationError: there is no key to sign a token with.

    """
    settings = Settings.load()
    requests = list(northwind.requests(northwind.read(folder)))
    console = Console()
    with connect(settings, url, SUBJECT) as client:
        delivery = Delivery(Sender(client))
        deliver(delivery, requests, console)
    console.print(table(delivery.report, KINDS))
    tell_refused(delivery.report, console)
    return not delivery.report.refused


def deliver(
    delivery: Delivery, requests: Sequence[Request], console: Console, *, visible: bool = False
) -> None:
    """Send everything and wait for it, under a progress bar."""
    with Progress(
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as progress:
        sending = progress.add_task("Sending", total=len(requests))
        delivery.send(requests, lambda: progress.advance(sending))
        settling = progress.add_task("Carried out", total=delivery.unsettled)
        delivery.settle(lambda: progress.advance(settling), visible=visible)


def table(report: Report, kinds: Sequence[str]) -> Table:
    """What was done, a row per kind."""
    shown = Table("", "new", "known already", "refused")
    for column in shown.columns[1:]:
        column.justify = "right"
    for kind in kinds:
        shown.add_row(kind, str(report.new[kind]), str(report.known[kind]), str(report.refused_of[kind]))
    return shown


def tell_refused(report: Report, console: Console) -> None:
    for key, why in list(report.refused.items())[:SHOWN]:
        console.print(f"{key}: {why}", style="red", markup=False, soft_wrap=True)
    if len(report.refused) > SHOWN:
        console.print(f"and {len(report.refused) - SHOWN} more")
