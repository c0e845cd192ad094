"""The rebuilds that are filled together: when that begins, and that nobody waits for who does not come."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from read_side.errors import RebuildStoppedError
from read_side.projections.customers import CUSTOMERS
from read_side.projections.model import ReadModel
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projections.products import PRODUCTS
from read_side.rebuild.filling import Target
from read_side.rebuild.filling_pool import Filling, SharedFill

DONE_S = 20.0
MODELS = (CUSTOMERS, ORDER_SUMMARY, PRODUCTS)


class FakePool:
    """Is done with whatever it is told to fill, and says what that was."""

    def __init__(self) -> None:
        self.filled: list[set[Target]] = []

    def __call__(self, model: ReadModel, generation: int, tick: Callable[[], None]) -> None:
        self.finish(self.start([(model.name, generation)]), tick)

    def start(self, targets: Sequence[Target]) -> Filling:
        self.filled.append(set(targets))
        return frozenset({Future()})

    def finish(self, filling: Filling, tick: Callable[[], None]) -> None:
        tick()


@pytest.fixture
def pool() -> FakePool:
    return FakePool()


@pytest.fixture
def together(pool: FakePool) -> SharedFill:
    return SharedFill(pool, [model.name for model in MODELS])  # type: ignore[arg-type]


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(len(MODELS)) as threads:
        yield threads


def _fill(together: SharedFill, model: ReadModel, generation: int, ticked: threading.Event) -> None:
    try:
        together(model, generation, ticked.set)
    finally:
        together.leave(model.name)


def test_it_begins_with_the_last_and_is_one(
    together: SharedFill, pool: FakePool, threads: ThreadPoolExecutor
) -> None:
    ticked = [threading.Event() for _ in MODELS]
    first = [threads.submit(_fill, together, MODELS[i], 2 + i, ticked[i]) for i in (0, 1)]
    assert all(each.wait(DONE_S) for each in ticked[:2]), "who waits does not tick"
    assert pool.filled == []
    _fill(together, MODELS[2], 4, ticked[2])
    for each in first:
        each.result(DONE_S)
    assert pool.filled == [{("customers", 2), ("order_summary", 3), ("products", 4)}]


def test_who_has_nothing_to_fill_is_not_waited_for(
    together: SharedFill, pool: FakePool, threads: ThreadPoolExecutor
) -> None:
    running = [threads.submit(_fill, together, model, 2, threading.Event()) for model in MODELS[:2]]
    together.leave(PRODUCTS.name)
    for each in running:
        each.result(DONE_S)
    assert pool.filled == [{("customers", 2), ("order_summary", 2)}]


def test_who_gives_up_while_it_waits_is_left_out(
    together: SharedFill, pool: FakePool, threads: ThreadPoolExecutor
) -> None:
    def lost() -> None:
        raise RebuildStoppedError("another one has taken over")

    with pytest.raises(RebuildStoppedError):
        together(CUSTOMERS, 2, lost)
    together.leave(CUSTOMERS.name)
    running = [threads.submit(_fill, together, model, 3, threading.Event()) for model in MODELS[1:]]
    for each in running:
        each.result(DONE_S)
    assert pool.filled == [{("order_summary", 3), ("products", 3)}]


def test_what_is_left_is_filled_by_each_for_itself(
    together: SharedFill, pool: FakePool, threads: ThreadPoolExecutor
) -> None:
    running = [threads.submit(together, model, 2, threading.Event().set) for model in MODELS]
    for each in running:
        each.result(DONE_S)
    together(PRODUCTS, 2, threading.Event().set)
    assert pool.filled[1:] == [{("products", 2)}]


def test_nothing_is_begun_when_all_have_left(together: SharedFill, pool: FakePool) -> None:
    for model in MODELS:
        together.leave(model.name)
    assert pool.filled == []
