"""Starting and watching a worker: what hangs is left behind, what ends is noticed."""

import threading

import pytest
from pymongo.errors import AutoReconnect

from bus.errors import LogMismatchError
from bus.queue import worker_process
from bus.queue.worker_process import WorkerDiedError, until_ready, watch


def test_it_is_ready_when_everything_is_prepared() -> None:
    assert until_ready(lambda: None, threading.Event())


def test_it_goes_on_while_a_server_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "CONNECT_PAUSE_S", 0.0)
    tries = iter([AutoReconnect("gone"), AutoReconnect("gone"), None])

    def prepare() -> None:
        if (error := next(tries)) is not None:
            raise error

    assert until_ready(prepare, threading.Event())
    assert list(tries) == []


def test_a_wrong_configuration_ends_it() -> None:
    def prepare() -> None:
        raise LogMismatchError("another log")

    with pytest.raises(LogMismatchError, match="another log"):
        until_ready(prepare, threading.Event())


def test_a_stop_does_not_wait_for_a_server_that_hangs() -> None:
    stopping, begun, never = threading.Event(), threading.Event(), threading.Event()

    def prepare() -> None:
        begun.set()
        never.wait(60)

    def stop() -> None:
        begun.wait(60)
        stopping.set()

    threading.Thread(target=stop).start()
    assert not until_ready(prepare, stopping)
    never.set()


def test_a_thread_that_ends_is_noticed() -> None:
    ended = threading.Thread(target=lambda: None, name="lookout")
    ended.start()
    ended.join()
    with pytest.raises(WorkerDiedError, match="lookout"):
        watch([ended], threading.Event())


def test_threads_that_end_because_of_a_stop_are_as_they_should_be() -> None:
    stopping = threading.Event()
    stopping.set()
    watch([threading.Thread(target=lambda: None)], stopping)


def test_what_only_a_new_process_can_mend_ends_this_one() -> None:
    with pytest.raises(WorkerDiedError, match="hangs"):
        watch([], threading.Event(), lambda: "a command hangs")
