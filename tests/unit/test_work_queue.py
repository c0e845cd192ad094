"""The queue that a worker's threads wait in."""

from concurrent.futures import ThreadPoolExecutor
from queue import Empty

import pytest

from bus.queue.work_queue import WorkQueue
from tests.support.waiting import until

PATIENCE_S = 20


def test_who_waits_is_woken_by_work() -> None:
    queue = WorkQueue()
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(queue.get, timeout=PATIENCE_S) for _ in range(2)]
        queue.put(2)
        queue.put(1)
        assert sorted(future.result(PATIENCE_S) for future in waiting) == [1, 2]


def test_what_comes_first_in_order_is_taken_first() -> None:
    queue = WorkQueue()
    for item in (3, 1, 2):
        queue.put(item)
    assert [queue.get() for _ in range(3)] == [1, 2, 3]


def test_everybody_who_waits_is_woken_by_the_end() -> None:
    queue = WorkQueue()
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(queue.get, timeout=PATIENCE_S) for _ in range(4)]
        # Waiters are only seen in the condition's own list.
        until(lambda: len(queue.not_empty._waiters) == 4, PATIENCE_S, "all wait")  # type: ignore[attr-defined]
        queue.close()
        for future in waiting:
            with pytest.raises(Empty):
                future.result(PATIENCE_S / 2)


def test_what_is_left_when_it_is_closed_can_still_be_had() -> None:
    queue = WorkQueue()
    queue.put(1)
    queue.close()
    assert queue.get() == 1
    with pytest.raises(Empty):
        queue.get(timeout=PATIENCE_S)


def test_without_a_wait_it_is_empty_at_once() -> None:
    with pytest.raises(Empty):
        WorkQueue().get(block=False)
    with pytest.raises(Empty):
        WorkQueue().get(timeout=0.001)
