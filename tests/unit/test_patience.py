"""How long a request may take, counted from when it was read."""

from collections.abc import Iterable, Mapping
from typing import Any
from unittest import mock

import pytest
from pymongo import _csot

from api.middleware import deadline
from api.middleware.deadline import AT_LEAST_S, LATE, OPERATIONS_S, PATIENCE_S, READ_AT, bounded

NOW = 1_000.0


@pytest.fixture(autouse=True)
def _no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests say for how long a request has waited, however long this process is kept from running."""
    monkeypatch.setattr(deadline, "time", mock.Mock(monotonic=lambda: NOW))


class Application:
    """Remembers how long its operations on the database may take."""

    left: float | None = None
    late: bool | None = None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.late = LATE in environ
        self.left = _csot.remaining()
        start_response("200 OK", [])
        return [b"hello"]


def ask(
    application: Application, waited_s: float = 0.0, environ: Mapping[str, str] | None = None
) -> tuple[str, bytes]:
    said: list[str] = []
    asked = {"REQUEST_METHOD": "GET", READ_AT: NOW - waited_s, **(environ or {})}
    body = b"".join(bounded(application)(asked, lambda status, _: said.append(status)))
    return said[0], body


def test_all_operations_of_a_request_share_its_time() -> None:
    application = Application()
    assert ask(application) == ("200 OK", b"hello")
    assert application.left is not None
    assert application.left <= OPERATIONS_S


def test_what_has_waited_has_less_of_it() -> None:
    application = Application()
    ask(application, waited_s=PATIENCE_S - AT_LEAST_S - 0.1)
    assert application.left is not None
    assert application.left <= AT_LEAST_S + 0.1


@pytest.mark.parametrize(
    ("waited_s", "late"), [(PATIENCE_S - AT_LEAST_S, False), (PATIENCE_S - AT_LEAST_S + 0.1, True)]
)
@pytest.mark.parametrize("headers", [{}, {"HTTP_PREFER": "wait=20"}])
def test_what_comes_too_late_for_a_database_is_marked(
    waited_s: float,
    late: bool,  # noqa: FBT001 - what a test is given
    headers: dict[str, str],
) -> None:
    application = Application()
    assert ask(application, waited_s, headers) == ("200 OK", b"hello")
    assert application.late == late


@pytest.mark.parametrize("asks_to_wait", [{"HTTP_PREFER": "wait=20"}, {"HTTP_CONSISTENCY_TOKEN": "3.17"}])
def test_who_asks_to_wait_has_no_more_of_it_until_it_waits(asks_to_wait: dict[str, str]) -> None:
    application = Application()
    assert ask(application, environ=asks_to_wait) == ("200 OK", b"hello")
    assert application.left is not None
    assert application.left <= OPERATIONS_S
