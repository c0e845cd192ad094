"""Connections to Redis that break at a chosen moment, for the threads of a Dramatiq worker."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from dramatiq import worker as dramatiq_worker
from redis.connection import Connection

from bus.queue.keys import DELAYED


@contextmanager
def cut(*, in_thread: Callable[[threading.Thread], bool], error: Exception) -> Iterator[threading.Event]:
    """Once the event is set, what such a thread sends next to Redis raises, and what it tries right after."""
    armed = threading.Event()
    failures = iter(range(2))  # redis-py's own one retry
    send: Callable[..., None] = Connection.send_packed_command

    def sending(self: Connection, *args: Any, **options: Any) -> None:
        if armed.is_set() and in_thread(threading.current_thread()) and next(failures, None) is not None:
            self.disconnect()
            raise error
        send(self, *args, **options)

    with mock.patch.object(Connection, "send_packed_command", sending):
        yield armed


def is_worker(thread: threading.Thread) -> bool:
    return isinstance(thread, dramatiq_worker.WorkerThread)


def is_delayer(thread: threading.Thread) -> bool:
    return str(getattr(thread, "queue_name", "")).endswith(DELAYED)
