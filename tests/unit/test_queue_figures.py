"""What two looks at the queues come to, and how it is shown."""

from collections.abc import Iterable
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console, RenderableType

from bus.inspection.explanations import explained, rows
from bus.inspection.figures import Figures, between
from bus.inspection.report import age, notes, table
from bus.inspection.snapshot import Inspection, QueueInspection

QUIET = QueueInspection(
    waiting=0, in_flight=0, delayed=0, dead=0, oldest_s=None, came=100, done=100, silent=0
)
WIDTH = 100


def look(at: float, **queues: QueueInspection) -> Inspection:
    return Inspection(at, queues, failed=0)


def figures(before: dict[str, Any], now: dict[str, Any], seconds: float = 2.0) -> Figures:
    [one] = between(
        look(10.0, commands=replace(QUIET, **before)), look(10.0 + seconds, commands=replace(QUIET, **now))
    )
    return one


def printed(shown: Iterable[RenderableType]) -> str:
    console = Console(file=StringIO(), width=WIDTH)
    for part in shown:
        console.print(part)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_rates_are_what_passed_between_the_looks() -> None:
    one = figures({"came": 100, "done": 90}, {"came": 150, "done": 100})
    assert (one.in_per_s, one.out_per_s) == (25.0, 5.0)


def test_a_count_that_went_back_is_no_negative_rate() -> None:
    assert figures({"came": 100}, {"came": 90}).in_per_s == 0.0


def test_a_queue_that_is_new_has_no_rates() -> None:
    new = between(look(1.0), look(2.0, commands=QUIET))[0]
    assert (new.in_per_s, new.out_per_s, new.stranded) == (None, None, None)


def test_counts_are_those_of_the_second_look() -> None:
    now = {"waiting": 1, "in_flight": 2, "delayed": 3, "dead": 4, "oldest_s": 5.0}
    one = figures({"waiting": 9, "dead": 9}, now)
    assert {name: getattr(one, name) for name in now} == now


@pytest.mark.parametrize(
    ("before", "now", "total"),
    [
        ({"silent": 3}, {"silent": 2}, 2),
        ({"silent": 0}, {"silent": 2}, 0),
        ({"overdue": frozenset("ab")}, {"overdue": frozenset("bc")}, 1),
        ({"behind": frozenset({(0, 7), (1, 3)})}, {"behind": frozenset({(0, 7), (1, 4)})}, 1),
        ({"silent": 1, "overdue": frozenset("a")}, {"silent": 1, "overdue": frozenset("a")}, 2),
    ],
    ids=["fewer", "new", "other commands", "moved on", "sum"],
)
def test_stranded_is_what_was_so_in_both_looks(
    before: dict[str, Any], now: dict[str, Any], total: int
) -> None:
    stranded = figures(before, now).stranded
    assert stranded is not None
    assert stranded.total == total


def test_the_table_fits_a_terminal_with_large_figures_in_it() -> None:
    large: dict[str, Any] = dict.fromkeys(("in_flight", "delayed", "dead", "silent"), 10**5)
    before = replace(QUIET, silent=10**5)
    now = replace(QUIET, **large, waiting=10**7, oldest_s=7_300.0, came=10**5, done=10**5)
    text = printed([table(between(look(0.0, order_analytics=before), look(1.0, order_analytics=now)))])
    assert max(map(len, text.splitlines())) <= WIDTH
    for shown in ("order_analytics", "10,000,000", "100,000", "2 h", "99,900"):
        assert shown in text


def test_what_needs_an_operator_is_said_with_what_to_do() -> None:
    now = replace(QUIET, dead=2, silent=1, overdue=frozenset("ab"), behind=frozenset({(0, 1)}))
    text = printed(notes(between(look(0.0, commands=now), look(1.0, commands=now)), failed=1))
    assert text.splitlines() == [
        "2 dead letters: python -m bus dead list --letters",
        "1 failed command: python -m bus dead list --failed",
        "1 message: with silent workers; living ones take over within 20 s",
        "2 commands: overdue and not queued; does the clock run?",
        "1 partition: behind without a bell; do the projections run?",
    ]
    assert notes(between(look(0.0, commands=QUIET), look(1.0, commands=QUIET)), failed=0) == []


def test_every_figure_of_the_table_is_explained_within_the_terminal() -> None:
    columns = [str(column.header).replace("\n", " ") for column in table([]).columns[1:]]
    assert [figure for figure, *_ in rows("commands") if figure] == columns
    text = printed([explained()])
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "redis-cli llen dramatiq:commands\n" in text.replace(" \n", "\n").replace("  ", "").replace(
        " \n", "\n"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0.0, "0 ms"),
        (0.85, "850 ms"),
        (12.4, "12 s"),
        (119, "119 s"),
        (120, "2 min"),
        (3 * 86_400, "3 d"),
    ],
)
def test_an_age_is_a_figure_and_its_unit(seconds: float | None, text: str) -> None:
    assert age(seconds) == text
