"""Which commands are in the hands of a process's threads."""

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
        with in_hand.take(["k1"]) as mine:
            if mine:
                settle.wait(PATIENCE_S)
                settled.append("k1")
                return True
        in_hand.wait_for("k1")
        assert settled == ["k1"]
        return False

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(handle) for _ in range(4)]
        until(in_hand.longest_s, PATIENCE_S, "somebody has it")
        settle.set()
        assert sorted(future.result(PATIENCE_S) for future in futures) == [False, False, False, True]
    assert in_hand.longest_s() == 0


def test_different_ones_do_not_wait_for_each_other() -> None:
    in_hand = InHand()
    with in_hand.take(["k1", "k2"]) as first, in_hand.take(["k2", "k3"]) as second:
        assert first == {"k1", "k2"}
        assert second == {"k3"}
    with in_hand.take(["k2", "k3"]) as both:
        assert both == {"k2", "k3"}


def test_who_raises_has_let_go() -> None:
    in_hand = InHand()
    with pytest.raises(KeyError), in_hand.take(["k1"]):
        raise KeyError
    with in_hand.take(["k1"]) as mine:
        assert mine


def test_the_wait_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_hand_module, "PATIENCE_S", 0.01)
    in_hand = InHand()
    with in_hand.take(["k1"]):
        in_hand.wait_for("k1")
        with in_hand.take(["k1"]) as mine:
            assert not mine


def test_what_nobody_has_is_not_waited_for() -> None:
    InHand().wait_for("k1")
