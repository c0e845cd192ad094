"""Tokens that are taken back: by a command, in every API process within seconds, and until that is lifted."""

import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo.errors import AutoReconnect
from structlog.testing import capture_logs

from api.__main__ import cli
from api.http.problems import ProblemError
from api.local import ports
from api.middleware.auth import Verifier
from api.middleware.deny_list import DeniedTokens, DenyList
from api.tokens import sign
from bus.connections.clients import write_database
from bus.messages.principal import Role
from bus.settings import Settings
from tests.support.command_line import CommandLine, Ended, plain
from tests.support.plain_http import NO_TLS
from tests.support.processes import Process
from tests.support.waiting import until
from tests.unit.bearers import SECRET, bearer, refused

SOON_S = 30.0
BEFORE = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def command_line(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    return CommandLine(settings, monkeypatch, capsys)


@pytest.fixture
def denied(settings: Settings) -> Iterator[DeniedTokens]:
    database = write_database(settings)
    with database.client:
        yield DeniedTokens(database)


@pytest.fixture
def deny_list_(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[DenyList]:
    """Read once, and then when told to; nothing runs beside the test, and no look runs out of time."""
    monkeypatch.setattr("api.middleware.deny_list.LOOK_LIMIT_S", SOON_S)
    database = write_database(settings)
    with database.client:
        deny_list = DenyList(database, settings.jwt_leeway_s)
        deny_list._look()
        yield deny_list


def web(settings: Settings, folder: Path) -> tuple[Process, str]:
    port = next(ports.candidates())
    environ = {
        **os.environ,
        **{name.upper(): plain(settings, name) for name in settings.model_fields_set},
        "JWT_SECRET": SECRET,
        "JWT_LEEWAY_S": "0",
        "API_PORT": str(port),
    }
    return Process(
        "web", f"exec {shlex.quote(sys.executable)} -m api serve", environ, folder / f"{port}.log"
    ), f"http://127.0.0.1:{port}"


def test_every_process_refuses_them_within_seconds(
    settings: Settings, tmp_path: Path, command_line: CommandLine
) -> None:
    """Also what it has taken a moment ago; and what is issued from then on is taken."""

    def asked(url: str, bearer: str) -> int:
        headers = {"Authorization": f"Bearer {bearer}"}
        try:
            return httpx.get(
                f"{url}/metrics", headers=headers, timeout=SOON_S, trust_env=False, verify=NO_TLS
            ).status_code
        except httpx.TransportError:
            return 0

    def token(role: Role) -> str:
        return sign(Settings(jwt_secret=SECRET), role, "mia")

    scraping, watching = token(Role.METRICS), token(Role.OPS)
    with ExitStack() as running:
        urls = []
        for process, url in (web(settings, tmp_path), web(settings, tmp_path)):
            running.callback(process.stop)
            process.start()
            urls.append(url)

        def of_all(bearer: str) -> set[int]:
            return {asked(url, bearer) for url in urls}

        until(lambda: of_all(scraping) == {200}, SOON_S, "two processes that serve")
        assert command_line(cli, "deny mia --role metrics").status == 0
        until(lambda: of_all(scraping) == {401}, SOON_S, "both to refuse it")
        assert of_all(watching) == {200}
        until(lambda: of_all(token(Role.METRICS)) == {200}, SOON_S, "a token that was issued later")
        assert of_all(scraping) == {401}


@pytest.mark.parametrize(
    ("issued", "is_denied"), [(..., True), (-1, True), (0, True), (10, True), (11, False)]
)
def test_what_was_issued_until_then_is_refused(
    deny_list_: DenyList, denied: DeniedTokens, issued: Any, *, is_denied: bool
) -> None:
    """With the leeway that the issuer's clock has; and also a token that is known already."""
    by = Verifier.from_settings(Settings(jwt_secret=SECRET), deny_list_)
    moment = int(time.time()) - 60
    given = bearer(iat=issued if issued is ... else moment + issued)
    assert by.principal(given).subject == "c1"
    denied.deny("c1", None, datetime.fromtimestamp(moment, UTC), "olga")
    deny_list_._look()
    if is_denied:
        assert 'error="invalid_token"' in refused(by, given)
    else:
        assert by.principal(given).subject == "c1"
    assert by.principal(bearer(sub="c2", iat=moment)).subject == "c2"
    denied.lift("c1", None)
    deny_list_._look()
    assert by.principal(given).subject == "c1"


def test_a_role_is_denied_alone(deny_list_: DenyList, denied: DeniedTokens) -> None:
    by = Verifier.from_settings(Settings(jwt_secret=SECRET), deny_list_)
    denied.deny("c1", Role.STAFF, None, "olga")
    deny_list_._look()
    refused(by, bearer(role="staff"))
    assert by.principal(bearer()).role is Role.CUSTOMER


def test_a_customer_is_denied_by_its_customer_id(deny_list_: DenyList, denied: DeniedTokens) -> None:
    by = Verifier.from_settings(Settings(jwt_secret=SECRET, jwt_customer_claim="customer"), deny_list_)
    denied.deny("c7", Role.CUSTOMER, None, "olga")
    deny_list_._look()
    refused(by, bearer(sub="login|1", customer="c7"))
    assert by.principal(bearer(sub="c7", customer="c8")).subject == "c8"


def test_while_mongodb_is_away_the_list_that_was_read_last_holds(
    deny_list_: DenyList, denied: DeniedTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    by = Verifier.from_settings(Settings(jwt_secret=SECRET), deny_list_)
    denied.deny("c1", None, None, "olga")
    deny_list_._look()
    deny_list_._refresher._every_s, deny_list_._refresher._pauses_s = 0.02, (0.02, 0.02)

    def away(_: DeniedTokens) -> Any:
        raise AutoReconnect("gone")

    with capture_logs() as logged:
        by.start()
        with monkeypatch.context() as patched:
            patched.setattr(DeniedTokens, "all", away)
            until(lambda: logged, SOON_S, "the outage in the log")
            refused(by, bearer())
        until(lambda: len(logged) > 1, SOON_S, "its end in the log")
        refused(by, bearer())
        by.stop()
    assert [entry["event"] for entry in logged] == [
        "denied tokens cannot be read: the last are used; without any, no token is taken",
        "denied tokens are read again",
    ]


def test_no_token_is_taken_before_the_list_was_read(settings: Settings) -> None:
    """A process that starts while MongoDB is away might let in what was taken back."""
    database = write_database(settings)
    unread = DenyList(database, settings.jwt_leeway_s)
    by = Verifier.from_settings(Settings(jwt_secret=SECRET), unread)
    with database.client, pytest.raises(ProblemError) as unknown:
        by.principal(bearer())
    assert unknown.value.problem.status == 503
    assert unknown.value.headers == {"Retry-After": "5"}
    assert not unread.is_known


def test_the_command_shows_whose_tokens_are_refused(command_line: CommandLine, denied: DeniedTokens) -> None:
    def run(line: str) -> Ended:
        return command_line(cli, f"deny {line}")

    assert run("--list").out == "No tokens are denied.\n"
    assert run("'$c1' --before 2026-11-01T12:00:00").out == (
        "*:$c1: tokens issued until 2026-11-01 12:00:00 UTC are refused\n"
    )
    assert run("'$c1' --before 2026-10-01").out.split(" until ")[1].startswith("2026-11-01 12"), (
        "never earlier"
    )
    assert run("ann --role staff").status == 0
    first, second = denied.all()
    assert (first["_id"], first["before"]) == ("*:$c1", BEFORE)
    assert abs(second["before"] - datetime.now(UTC)) < timedelta(hours=1)
    assert [line.split()[0] for line in run("--list").out.splitlines()[2:]] == ["*:$c1", "staff:ann"]
    assert [one["_id"] for one in run("--list --json").lines[0]] == ["*:$c1", "staff:ann"]
    assert run("ann --lift").err == "error: *:ann is not on the list\n"
    assert run("ann --lift --role staff").out == "staff:ann: tokens are taken again, however old\n"
    assert [one["_id"] for one in denied.all()] == ["*:$c1"]


@pytest.mark.parametrize("wrong", ["", "c1 --list", "--list --lift", "c1 --lift --before 2026-10-01"])
def test_a_command_that_says_two_things_is_refused(command_line: CommandLine, wrong: str) -> None:
    assert command_line(cli, f"deny {wrong}").status == 2
