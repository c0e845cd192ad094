"""A command in the hands of one thread of a process."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from tests.waiting import until
from write_side import in_hand as in_hand_module
from write_side.in_hand import InHand

PATIENCE_S = 20


def test_one_thread_has_it_and_the_others_wait_until_it_is_settled() -> None:
    in_hand, settle, settled = InHand(), Event(), list[str]()

    def handle() -> bool:
        with in_hand.take("k1") as mine:
            if mine:
                settle.wait(PATIENCE_S)
                settled.append("k1")
            else:
                assert settled == ["k1"]
            return mine

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(handle) for _ in range(4)]
        until(in_hand.longest_s, PATIENCE_S, "somebody has it")
        settle.set()
        assert sorted(future.result(PATIENCE_S) for future in futures) == [False, False, False, True]
    assert in_hand.longest_s() == 0


def test_different_ones_do_not_wait_for_each_other() -> None:
    in_hand = InHand()
    with in_hand.take("k1") as first, in_hand.take("k2") as second:
        assert first
        assert second


def test_who_raises_has_let_go() -> None:
    in_hand = InHand()
    with pytest.raises(KeyError), in_hand.take("k1"):
        raise KeyError
    with in_hand.take("k1") as mine:
        assert mine


def test_the_wait_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_hand_module, "PATIENCE_S", 0.01)
    in_hand = InHand()
    with in_hand.take("k1"), in_hand.take("k1") as mine:
        assert not mine
