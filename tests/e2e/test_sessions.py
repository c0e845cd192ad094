"""The sessions of the pages, word for word, against a system that nobody has used before.

A reader comes from the front page to the tutorial, so they are played in this order and on one system.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from api.local.welcome import WHO
from tests.support import curl, pages
from tests.support.pages import Page
from tests.support.plain_http import NO_TLS
from tests.support.system import READY_S, System
from tests.support.waiting import until

SHOWN_S = 10.0
PYTHON_S = 60


@pytest.fixture(scope="module")
def fresh_system() -> Iterator[System]:
    """The ids are as the pages say, and the figures count the sessions' own orders only."""
    with System() as running:
        until(running.is_complete, READY_S, "everybody there: the sessions wait 5 s for an outcome")
        yield running


@pytest.fixture(scope="module")
def environ(fresh_system: System) -> dict[str, str]:
    """What the reader copies from what ``make run`` prints."""
    tokens = {role.upper(): fresh_system.token(role, subject) for role, subject in WHO.items()}
    return {"URL": fresh_system.url, **tokens}


class Shell:
    """Somebody who types the session in and looks at the answers."""

    def __init__(self, client: httpx.Client, environ: dict[str, str]) -> None:
        self._client = client
        self._given = frozenset(environ)
        self._variables = dict(environ)
        self._answer: httpx.Response | None = None

    def do(self, step: curl.Step) -> None:
        match step:
            case curl.Assignment(name, value):
                if name not in self._given:
                    (self._variables[name],) = curl.words(value, self._variables)
            case curl.Copied(name, field):
                assert self._answer is not None
                self._variables[name] = self._answer.json()[field]
            case curl.Call():
                self._call(step)

    def _call(self, call: curl.Call) -> None:
        request = curl.request(curl.words(call.command, self._variables))

        def answered() -> bool:
            self._answer = self._client.request(
                request.method, request.url, headers=request.headers, content=request.body
            )
            return self._fits(call)

        if request.method == "GET":  # read models follow; only what they come to is told
            with suppress(TimeoutError):
                until(answered, SHOWN_S, call.command)
        else:
            answered()
        assert self._answer is not None
        assert self._fits(call), f"{call}\n{self._answer.status_code} {self._answer.text}"

    def _fits(self, call: curl.Call) -> bool:
        assert self._answer is not None
        found = self._answer.json() if self._answer.content else None
        return self._answer.status_code == call.status and curl.fits(call.answer, found)


@pytest.mark.parametrize(
    ("page", "at_least"), [(pages.README, 4), (pages.TUTORIAL, 14)], ids=["front_page", "tutorial"]
)
def test_the_curl_sessions(environ: dict[str, str], page: Page, at_least: int) -> None:
    calls = 0
    with httpx.Client(timeout=40, trust_env=False, verify=NO_TLS) as client:
        shell = Shell(client, environ)
        for step in curl.steps(page.session("sh")):
            shell.do(step)
            calls += isinstance(step, curl.Call)
    assert calls >= at_least


def test_the_python_session(fresh_system: System, environ: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", pages.TUTORIAL.session("python")],
        env={**fresh_system.environ, **environ, "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=PYTHON_S,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == (pages.TUTORIAL.session("text"), "", 0)
