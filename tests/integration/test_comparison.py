"""What two generations show differently, told apart from what is only on its way."""

from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
from pymongo.collection import Collection

from bus.connections.clients import StoredDocument, read_database
from bus.settings import Settings
from read_side.cli.rebuild_report import LONGEST_LINE, MOST_LINES, lines, summary
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.rebuild import comparison
from read_side.rebuild.comparison import ABSENT, Change, Comparison, compare


class Sides:
    """Two collections, and what happens to them while they are compared."""

    def __init__(self, live: Collection[StoredDocument], new: Collection[StoredDocument]) -> None:
        self.live, self.new = live, new
        self.meanwhile: Callable[[], bool] = lambda: True
        self.ticks = 0

    def fill(self, live: list[StoredDocument], new: list[StoredDocument]) -> None:
        for side, documents in ((self.live, live), (self.new, new)):
            if documents:
                side.insert_many(documents)

    def compare(self, kept: int = 100) -> Comparison:
        def tick() -> None:
            self.ticks += 1

        return compare(
            *(self.live, self.new),
            model=ORDER_SUMMARY,
            passed_the_heads=self.meanwhile,
            tick=tick,
            kept=kept,
        )


@pytest.fixture
def sides(settings: Settings) -> Iterator[Sides]:
    database = read_database(settings)
    with database.client:
        yield Sides(database["live"], database["new"])


def _document(key: str, at: int, **fields: Any) -> StoredDocument:
    return {"_id": key, "total": 1, **fields, "_pos": at}


def test_the_same_is_no_difference(sides: Sides) -> None:
    documents = [_document(f"{n:04}-é", n) for n in range(2_500)]
    sides.fill(documents, documents[::-1])
    result = sides.compare()
    assert (result.documents, result.differs, result.moving) == (2_500, False, 0)
    assert sides.ticks >= 3
    assert Sides(sides.new, sides.live).compare().documents == 2_500


@pytest.mark.parametrize("chunk", [1, 2, 1_000])
def test_every_kind_of_difference(sides: Sides, chunk: int) -> None:
    sides.fill(
        [
            _document("a", 1),
            _document("b", 2),
            _document("c", 3, old=True),
            _document("d", 4),
            _document("~", 5),
        ],
        [_document("b", 2), _document("c", 3, total=2), _document("d", 4), _document("é", 5)],
    )
    with mock.patch.object(comparison, "CHUNK", chunk):
        result = sides.compare()
    assert (result.documents, result.changed, result.added, result.removed, result.moving) == (6, 1, 1, 2, 0)
    assert sorted(result.changes, key=str) == [
        Change("a", None, "(present)", ABSENT),
        Change("c", "old", live=True, new=ABSENT),
        Change("c", "total", 1, 2),
        Change("~", None, "(present)", ABSENT),
        Change("é", None, ABSENT, "(present)"),
    ]


def test_the_order_of_fields_and_the_projectors_own_do_not_matter(sides: Sides) -> None:
    sides.fill(
        [{"_id": "a", "x": 1, "y": 2, "_pos": 1}], [{"_id": "a", "y": 2, "x": 1, "_pos": 1, "_mended": 7}]
    )
    assert not sides.compare().differs


def test_what_is_only_further_is_no_difference(sides: Sides) -> None:
    """The new one is behind when it is looked at first, and catches up while it is waited for."""
    sides.fill(
        [_document("a", 9, total=5), _document("b", 8), _document("c", 7, total=3)],
        [_document("a", 3), _document("c", 2)],
    )

    def catches_up() -> bool:
        sides.new.replace_one({"_id": "a"}, _document("a", 9, total=5))
        sides.new.replace_one({"_id": "c"}, _document("c", 7, total=4))
        sides.new.replace_one({"_id": "b"}, _document("b", 8), upsert=True)
        return True

    sides.meanwhile = catches_up
    result = sides.compare()
    assert (result.changed, result.added, result.removed, result.moving) == (1, 0, 0, 0)
    assert result.changes == [Change("c", "total", 3, 4)]


def test_other_code_may_fold_other_commits(sides: Sides) -> None:
    """Their positions differ for good; both have passed the heads, so they are compared all the same."""
    sides.fill([_document("a", 9), _document("b", 9)], [_document("a", 3), _document("b", 3, total=2)])
    result = sides.compare()
    assert (result.changed, result.moving) == (1, 0)
    assert result.changes == [Change("b", "total", 1, 2)]


def test_what_moves_all_the_time_is_not_guessed_at(sides: Sides) -> None:
    sides.fill([_document("a", 9), _document("b", 2)], [_document("a", 8), _document("b", 1)])

    def moves() -> bool:
        sides.live.update_one({"_id": "a"}, {"$inc": {"_pos": 5, "total": 1}})
        return True

    sides.meanwhile = moves
    result = sides.compare()
    assert (result.changed, result.moving) == (0, 1)
    assert "1 not compared" in summary(result, "orders.g1")


def test_one_that_does_not_catch_up_is_waited_for_once(sides: Sides) -> None:
    sides.fill([_document("a", 9)], [_document("a", 8, total=2)])
    waited: list[bool] = []

    def behind() -> bool:
        waited.append(True)
        return False

    sides.meanwhile = behind
    result = sides.compare()
    assert (result.changed, result.moving, len(waited)) == (0, 1, 1)


def test_more_than_can_be_remembered_is_counted(sides: Sides) -> None:
    sides.fill([_document(f"{n}", 1) for n in range(9)], [_document(f"{n}", 2) for n in range(9)])
    with mock.patch.object(comparison, "MOST_MOVING", 4):
        assert sides.compare().moving == 5


def test_the_report_is_bounded(sides: Sides) -> None:
    sides.fill(
        [_document(f"{n:04}", 1) for n in range(300)],
        [_document(f"{n:04}", 1, total="x" * 999) for n in range(300)],
    )
    result = sides.compare(kept=50)
    assert (result.changed, len(result.changes)) == (300, 50)
    told = lines(result)
    assert len(told) == MOST_LINES + 1
    assert max(map(len, told)) < LONGEST_LINE + 10
    assert told[-1] == "... and more: 300 documents differ in all"
    assert summary(result, "orders.g1") == "300 documents compared with orders.g1: 300 changed"
    assert summary(Comparison(1), "orders.g1").endswith("no difference")


def test_an_id_that_is_no_text_is_refused(sides: Sides) -> None:
    sides.live.insert_one({"_id": 7, "_pos": 1})
    with pytest.raises(TypeError, match="no text"):
        sides.compare()
