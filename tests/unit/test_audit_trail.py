"""Whom an entry of the audit trail names, how it says what came of it, and which routes must be in it."""

import os
import pwd
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from api.middleware.access import NOT_RECORDED, OPS_ONLY, STAFF_AND_OPS, STAFF_ONLY, Roles, Route
from api.middleware.needs import NOTHING
from bus.audit_trail import callers
from bus.audit_trail.actions import Action
from bus.audit_trail.callers import of_this_process, over_http
from bus.messages.principal import Principal, Role
from read_side.parked.retried import Result

USER = pwd.getpwuid(os.geteuid()).pw_name
HOST = socket.gethostname()


@pytest.fixture
def login_uid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the kernel says about who logged in; nobody did."""
    path = tmp_path / "loginuid"
    path.write_text("4294967295")
    monkeypatch.setattr(callers, "LOGIN_UID", path)
    return path


def test_no_variable_makes_a_user_of_somebody_else(login_uid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "mallory")
    caller = of_this_process()
    assert (caller.name, caller.address) == (f"{USER}@{HOST}", None)
    assert caller.identity == {"system_user": USER, "login_user": None, "host": HOST}


def test_a_user_who_became_another_one_is_named_too(login_uid: Path) -> None:
    login_uid.write_text("4294967294")
    assert of_this_process().name == f"{USER}@{HOST} (logged in as uid 4294967294)"
    login_uid.write_text(str(os.geteuid()))
    assert of_this_process().name == f"{USER}@{HOST}"
    login_uid.unlink()
    assert of_this_process().identity["login_user"] is None


def test_a_user_without_a_name_has_a_number(login_uid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4294967294)
    assert of_this_process().name == f"uid 4294967294@{HOST}"


def test_the_bearer_of_a_token_has_the_tokens_name() -> None:
    caller = over_http(Principal(role=Role.OPS, subject="olga", issuer="https://id.example"), "10.0.0.7")
    assert (caller.name, caller.address) == ("ops:olga", "10.0.0.7")
    assert caller.identity == {"role": "ops", "subject": "olga", "issuer": "https://id.example"}


def test_each_result_of_a_retry_has_an_outcome() -> None:
    assert {result.value: result.ended.value for result in Result} == {
        "mended": "done",
        "parked": "failed",
        "rebuild": "refused",
        "busy": "begun",
        "refused": "refused",
    }


class Looked:
    """Shows something."""

    def on_get(self) -> None: ...


class Changed(Looked):
    """Shows something, and changes it."""

    def on_post(self) -> None: ...


GET: Mapping[str, Roles] = {"GET": STAFF_AND_OPS}
BOTH_WAYS: Mapping[str, Roles] = {"GET": OPS_ONLY, "POST": OPS_ONLY}


@pytest.mark.parametrize(
    ("resource", "roles", "recorded"),
    [
        (Looked(), GET, None),
        (Changed(), BOTH_WAYS, None),
        (Changed(), BOTH_WAYS, NOT_RECORDED),
        (Changed(), BOTH_WAYS, Action.READ_STORY),
        (Looked(), {"GET": STAFF_ONLY}, Action.READ_STORY),
    ],
)
def test_a_route_that_ops_may_use_says_what_the_audit_trail_calls_it(
    resource: object, roles: Mapping[str, Roles], recorded: Any
) -> None:
    with pytest.raises(ValueError, match=r"^/things: what the audit trail calls it"):
        Route("/things", resource, roles, NOTHING, recorded)


def test_reads_are_of_get_and_changes_of_all_other_methods() -> None:
    looked = Route("/things", Looked(), GET, NOTHING, Action.READ_STORY)
    changed = Route("/things", Changed(), BOTH_WAYS, NOTHING, Action.RETRY_DEAD)
    assert [looked.recorded_as(method) for method in ("GET", "HEAD", "POST")] == [
        Action.READ_STORY,
        Action.READ_STORY,
        None,
    ]
    assert [changed.recorded_as(method) for method in ("GET", "HEAD", "POST")] == [
        None,
        None,
        Action.RETRY_DEAD,
    ]
    assert Route("/things", Looked(), GET, NOTHING, NOT_RECORDED).recorded_as("GET") is None
