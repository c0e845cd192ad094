"""What commands show people fits 80 columns: nothing is cut, names are whole, as commands are given them."""

from datetime import UTC, datetime

import pytest
from rich.console import Console, RenderableType

from bus.dead_letters.failures import Failure, FailureKind
from bus.dead_letters.report import lines
from bus.inspection import report as queue_report
from bus.inspection.figures import Figures, Stranded
from read_side.cli import generations_report, parked_report, status_report
from read_side.cli.parked_report import Listed
from read_side.generations.registry import Generation, RegistryEntry, State
from read_side.parked.parking import Parked
from read_side.queries.status import GenerationStatus, Progress

AT = datetime(2025, 6, 15, 15, 6, 40, tzinfo=UTC)
ID = "7e3311d3-d676-8e77-800f-bc5bc6b049eb"
LONG = "UnknownMessageError('OrderConfirmed version 99 is of a newer build than this, or of none')"
HOLDER = "a-host-with-a-name:1234567"


def written(shown: RenderableType, columns: int) -> str:
    """What is written to a pipe, or to a terminal of so many columns."""
    console = Console(width=columns)
    with console.capture() as capture:
        console.print(shown)
    return capture.get()


def queues() -> RenderableType:
    one = Figures(
        "order_analytics", 123_456, 12_345, 24, 1_234, 125.0, 1_234, 1_234, Stranded(0, 1_234, 0, 1_234)
    )
    return queue_report.table([one])


def failure() -> RenderableType:
    return lines(Failure(FailureKind.LETTER, ID, "order_analytics", "order_analytics", LONG, AT, "retried"))


def status() -> RenderableType:
    one = Progress(3, 12_345_678, 12_345_679, 123, 7_140, 1_234.0, 12, HOLDER, None, None)
    return status_report.shown([GenerationStatus("order_analytics", 12, "building", 1, 1, (one,))], 60)


def parked() -> RenderableType:
    one = Parked("order_analytics", 12, 3, f"order-{ID}", 12_345_678, AT, LONG)
    return parked_report.shown([Listed(one, 12, "retiring")])


def generations() -> RenderableType:
    generation = Generation(12, 1, State.RETIRING, since=AT, until=AT)
    return generations_report.listed([(RegistryEntry("order_analytics", 13, {12: generation}), generation)])


TOLD = {
    queues: ("order_analytics", "123,456", "12,345", "24", "1,234", "2 min", "stranded"),
    failure: (
        ID,
        "2025-06-15 15:06:40",
        "order_analytics",
        "(retried)",
        "UnknownMessageError('OrderConfirmed",
    ),
    status: ("order_analytics.g12", "building", "12,345,678", "12,345,679", "1 h 59 min", "1,234/s", HOLDER),
    parked: (f"order-{ID}\n", "order_analytics.g12 retiring", "12,345,678", "2025-06-15"),
    generations: ("order_analytics.g12", "retiring", "2025-06-15"),
}


@pytest.mark.parametrize("shown", TOLD)
def test_it_fits_a_pipe_with_nothing_cut(shown: object) -> None:
    assert callable(shown)
    found = written(shown(), 80)
    assert max(map(len, found.splitlines())) <= 80
    assert "…" not in found
    assert [one for one in TOLD[shown] if one not in found] == []


@pytest.mark.parametrize("shown", [failure, status, parked])
def test_a_wider_terminal_is_used(shown: object) -> None:
    assert callable(shown)
    assert len(written(shown(), 160).splitlines()) < len(written(shown(), 80).splitlines())
