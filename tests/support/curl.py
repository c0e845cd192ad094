"""Shell sessions of curl commands, run without a shell and without curl.

Only what such a session needs is understood: assignments, curl with a few options, and comments that say what
is answered. Anything else is an error, so a session that passes here means the same in a shell.

    ORDER=…    # the order_id of that answer
    # 201 {"order_id": "…", "version": 1, …}

An assignment of ``…`` takes a field of the last answer. In an expected answer ``"…"`` is any value, and a
last ``…`` in an object stands for further members, in a list for further elements, or none.
"""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

MORE = "…"
FURTHER = "… …"
"""What a last ``…`` in a list is read as: not ``"…"``, which is one element."""

_VARIABLE = re.compile(r"\$([A-Z_]+)")
_LITERAL = re.compile(r"'[^']*'")
_ASSIGNED = re.compile(r"([A-Z_]+)=(\S.*)")
_COPIED = re.compile(rf"([A-Z_]+)={MORE} +# the (\w+) of that answer")
_EXPECTED = re.compile(r"# ([1-5]\d\d)(?: (.*))?")
_QUIET = set("is")
_FORM = "application/x-www-form-urlencoded"


class SessionError(ValueError):
    """The session says something that is not understood here."""


@dataclass(frozen=True)
class Assignment:
    """``NAME=value``."""

    name: str
    value: str


@dataclass(frozen=True)
class Copied:
    """``NAME=…``: to be taken from the last answer's ``field``."""

    name: str
    field: str


@dataclass(frozen=True)
class Call:
    """A curl command, its variables not yet filled in, and what it is to answer."""

    command: str
    status: int
    answer: Any
    """``None`` for an answer without a body."""


Step = Assignment | Copied | Call


@dataclass(frozen=True)
class Request:
    """What a curl command sends."""

    method: str
    url: str
    headers: dict[str, str]
    body: str | None


def steps(session: str) -> Iterator[Step]:
    """The steps of a session."""
    lines = _statements(session)
    for line in lines:
        if copied := _COPIED.fullmatch(line):
            yield Copied(copied[1], copied[2])
        elif assigned := _ASSIGNED.fullmatch(line):
            yield Assignment(assigned[1], assigned[2])
        elif line.startswith("curl "):
            expected = _EXPECTED.fullmatch(next(lines, ""))
            if expected is None:
                raise SessionError(f"what it answers is not said: {line}")
            yield Call(line, int(expected[1]), _answer(expected[2]))
        else:
            raise SessionError(f"not understood: {line}")


def _statements(session: str) -> Iterator[str]:
    """Whole lines: those that end with a backslash, or inside a quotation, go on."""
    whole = ""
    for line in session.splitlines():
        whole += line
        if whole.endswith("\\"):
            whole = whole.removesuffix("\\")
        elif whole.count("'") % 2:
            whole += "\n"
        else:
            if whole.strip():
                yield whole.strip()
            whole = ""
    if whole:
        raise SessionError(f"does not end: {whole}")


def _answer(text: str | None) -> Any:
    if text is None:
        return None
    text = re.sub(rf", {MORE}}}", f', "{MORE}": null}}', text)
    return json.loads(re.sub(rf", {MORE}\]", f', "{FURTHER}"]', text))


def fits(expected: Any, found: Any) -> bool:
    """Whether an answer is what was expected."""
    match expected:
        case str() if expected == MORE:
            return True
        case dict() if isinstance(found, dict):
            named = expected.keys() - {MORE}
            complete = MORE in expected or named == found.keys()
            return complete and all(n in found and fits(expected[n], found[n]) for n in named)
        case [*first, last] if last == FURTHER and isinstance(found, list):
            return len(first) <= len(found) and all(map(fits, first, found))
        case list() if isinstance(found, list):
            return len(expected) == len(found) and all(map(fits, expected, found))
        case _:
            return bool(expected == found)


def words(line: str, variables: dict[str, str]) -> list[str]:
    """A line as a shell would split it, its variables filled in."""
    for literal in _LITERAL.findall(line):
        if "$" in literal:
            raise SessionError(f"a variable in single quotes is not filled in: {literal}")
    try:
        filled = _VARIABLE.sub(lambda match: variables[match[1]], line)
    except KeyError as error:
        raise SessionError(f"{error} is not set: {line}") from None
    lexer = shlex.shlex(filled, posix=True, punctuation_chars=True)
    lexer.commenters = ""
    lexer.whitespace_split = True
    found = list(lexer)
    if any(word and set(word) <= set("();<>|&") for word in found):
        raise SessionError(f"only one plain command a line: {line}")
    return found


def request(command: Sequence[str]) -> Request:
    """What curl would send; refuses every option that it does not know."""
    if not command or command[0] != "curl":
        raise SessionError(f"not curl: {command}")
    method, body, urls, headers = None, None, [], {}
    rest = iter(command[1:])
    for word in rest:
        if word in {"-X", "--request"}:
            method = next(rest)
        elif word in {"-H", "--header"}:
            name, _, value = next(rest).partition(":")
            headers[name.strip().lower()] = value.strip()
        elif word in {"-d", "--data", "--json"}:
            body = next(rest)
            if body.startswith("@"):
                raise SessionError("a body from a file")
            headers.setdefault("content-type", "application/json" if word == "--json" else _FORM)
        elif not word.startswith("-"):
            urls.append(word)
        elif word.startswith("--") or not set(word[1:]) <= _QUIET:
            raise SessionError(f"an option that is not known here: {word}")
    if len(urls) != 1:
        raise SessionError(f"not one address: {urls}")
    return Request(method or ("GET" if body is None else "POST"), urls[0], headers, body)
