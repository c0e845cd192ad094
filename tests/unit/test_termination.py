"""Signals that end a process: held back from threads that would not wait for them."""

import signal
import threading
from functools import partial

import pytest

from bus.primitives.termination import SIGNALS, apart_from_signals, stop_together


def held_back() -> set[signal.Signals]:
    return {signal.Signals(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())}


def test_what_work_leaves_behind_is_given_no_signal_that_ends_the_process() -> None:
    found: list[set[signal.Signals]] = []

    def work() -> str:
        left_behind = threading.Thread(target=lambda: found.append(held_back()))
        left_behind.start()
        left_behind.join()
        return "done"

    before = held_back()
    assert apart_from_signals(work) == "done"
    assert found[0] >= SIGNALS
    assert held_back() == before
    assert not before & SIGNALS


def test_what_work_raises_is_raised() -> None:
    def work() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        apart_from_signals(work)


def test_parts_that_stop_together_do_not_wait_for_each_other() -> None:
    all_of_them, stopped = threading.Barrier(3), list[int]()

    def stop(number: int) -> None:
        all_of_them.wait(60)
        stopped.append(number)

    stop_together([partial(stop, number) for number in range(3)])
    assert sorted(stopped) == [0, 1, 2], "all have ended when it returns"
