"""What a process logs: lines that machines read, and nothing that people wrote."""

import ast
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bson.errors import InvalidDocument
from dramatiq.errors import DecodeError
from pydantic import ValidationError
from pymongo.errors import AutoReconnect, BulkWriteError, DuplicateKeyError

from bus.errors import VersionConflictError
from bus.observability.logs import redacted, traced
from tests.support.messages import customer_registered

ROOT = Path(__file__).resolve().parents[2]
SECRET = "ada@example.org"


def said(program: str, *how: str) -> list[str]:
    """The lines of a process that runs this program with its logs configured so."""
    text = f"import logging, sys\nfrom bus.observability import logs\nlogs.configure(*{how!r})\n{program}"
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def logged(program: str, level: str = "DEBUG") -> list[dict[str, Any]]:
    """The same as JSON."""
    return [json.loads(line) for line in said(program, level)]


def invalid() -> ValidationError:
    with pytest.raises(ValidationError) as refused:
        type(customer_registered()).model_validate({"customer_id": "c1", "name": [SECRET], "mail": SECRET})
    return refused.value


def test_a_line_is_one_json_object_with_level_and_time() -> None:
    (line,) = logged("logs.logger.info('handled', command_id='k1', attempts=1)", "INFO")

    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "handled", "level": "info", "command_id": "k1", "attempts": 1}


def test_libraries_come_out_in_the_same_shape() -> None:
    (line,) = logged("logging.getLogger('waitress').warning('slow: %s', 3, extra={'depth': 7})")

    assert (line["event"], line["level"], line["depth"]) == ("slow: 3", "warning", 7)


def test_the_level_is_a_threshold_for_both() -> None:
    program = """
for level in ("debug", "info", "warning"):
    getattr(logs.logger, level)("own")
    getattr(logging.getLogger("waitress"), level)("other")
"""
    assert [line["level"] for line in logged(program, "WARNING")] == ["warning", "warning"]
    assert len(logged(program, "INFO")) == 4
    assert len(logged(program, "DEBUG")) == 6


def test_what_is_bound_to_the_context_is_on_every_line() -> None:
    program = """
import structlog
structlog.contextvars.bind_contextvars(correlation_id="r1")
logs.logger.info("own")
logging.getLogger("waitress").warning("other")
"""
    assert [line["correlation_id"] for line in logged(program)] == ["r1", "r1"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (VersionConflictError("order-1 version 2"), "VersionConflictError: order-1 version 2"),
        (AutoReconnect("127.0.0.1:1: refused"), "AutoReconnect: 127.0.0.1:1: refused"),
        (ValueError(f"no name: {SECRET}"), "ValueError"),
        (KeyError(SECRET), "KeyError"),
        (InvalidDocument(SECRET), "InvalidDocument"),
        (DecodeError(f"failed to decode {SECRET}", SECRET.encode(), None), "DecodeError"),
        (RuntimeError("no such thread"), "RuntimeError: no such thread"),
        (UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET), "UnicodeDecodeError"),
        (DuplicateKeyError(f"dup key: {SECRET}", 11000), "DuplicateKeyError: code 11000"),
        (
            BulkWriteError({"writeErrors": [{"code": 121, "op": {"name": SECRET}}]}),
            "BulkWriteError: codes 121",
        ),
        (
            BulkWriteError({"writeErrors": [], "writeConcernErrors": [{"code": 64, "errmsg": SECRET}]}),
            "BulkWriteError: codes of no write",
        ),
    ],
)
def test_errors_are_told_without_what_they_are_about(error: Exception, words: str) -> None:
    assert redacted(error) == words


def test_wrong_fields_are_named_without_what_is_in_them() -> None:
    assert redacted(invalid()) == (
        "ValidationError: name: string_type; email: missing; mail: extra_forbidden"
    )


def test_a_traceback_leads_to_the_cause_and_quotes_nobody() -> None:
    try:
        try:
            raise invalid()
        except ValidationError as error:
            raise VersionConflictError("again") from error
    except VersionConflictError as error:
        text = traced(error)

    assert SECRET not in text
    assert text.index("ValidationError: ") < text.index("VersionConflictError: again")
    assert text.count("Traceback (most recent call last):") == 2
    assert Path(__file__).name in text


def test_errors_in_fields_and_tracebacks_are_told_so() -> None:
    # The program's text is without the secret: from Python 3.13 on, tracebacks quote lines of ``-c`` too.
    program = f"""
secret = bytes.fromhex({SECRET.encode().hex()!r}).decode()
try:
    raise ValueError(secret)
except ValueError as error:
    logs.logger.exception("caught")
    logs.logger.error("named", error=error)
    logs.logger.error("given", exc_info=error)
    logging.getLogger("waitress").exception("caught by another")
"""
    lines = logged(program)

    assert SECRET not in json.dumps(lines)
    assert [line.get("error") for line in lines] == [None, "ValueError", None, None]
    assert [("ValueError" in line.get("exception", "")) for line in lines] == [True, False, True, True]


def test_dramatiq_names_messages_by_their_ids_and_says_nothing_of_arguments() -> None:
    program = f"""
import dramatiq
from dramatiq import Message
from dramatiq.brokers.stub import StubBroker
message = Message("commands", "handle_command", (), {{"name": {SECRET!r}}}, {{}}, message_id="k1")
logging.getLogger("dramatiq.worker").error("Failed to process message %s: %r", message, 3)

def handle_command(name): ...
handle_command.__module__ = "write_side.worker"
broker = StubBroker()
dramatiq.actor(broker=broker)(handle_command)({SECRET!r})
"""
    lines = logged(program)

    assert [line["event"] for line in lines] == ["Failed to process message handle_command k1: 3"]


def test_a_person_sees_no_json() -> None:
    ours, theirs = pty.openpty()
    program = "from bus.observability import logs\n"
    program += "logs.configure('INFO')\nlogs.logger.info('handled', command_id='k1')"
    try:
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, stderr=theirs, timeout=60, check=True)
        seen = os.read(ours, 65_536).decode()
    finally:
        os.close(ours)
        os.close(theirs)

    assert "handled" in seen
    assert "command_id" in seen
    assert "{" not in seen


def test_plain_lines_are_short() -> None:
    program = """
logs.logger.info("handled", outcome="succeeded", command_id="k1", reason=None, attempts=1)
logs.logger.error("left to the sweep", command_id="k1")
logging.getLogger("waitress").warning("slow: %s", 3)
"""
    assert said(program, "INFO", "plain") == [
        "[info] handled outcome=succeeded attempts=1",
        "[error] left to the sweep command_id=k1",
        "[warning] slow: 3",
    ]


def test_errors_are_given_to_the_log_as_they_are() -> None:
    """Made into text where they are caught, they would be past putting into safe words."""
    found = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for package in ("bus", "write_side", "read_side", "api")
        for path in (ROOT / package).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("logger.")
        if re.search(r"\b(str|repr)\((error|exception|poison)", ast.unparse(call))
    ]

    assert found == []


@pytest.mark.parametrize("shape", ["plain", "json"])
def test_a_line_controls_no_terminal(shape: str) -> None:
    """A name comes into an error, or a caller's text into what a library says."""
    (ours, theirs) = said(
        r"logs.logger.error('met', error='\x9b2J \u202egnp')" "\n" r"logging.error('met \x9b2J \u202egnp')",
        "INFO",
        shape,
    )
    for line in (ours, theirs):
        assert line.isprintable()
        assert r"\u009b2J" in line
        assert r"\u202egnp" in line
