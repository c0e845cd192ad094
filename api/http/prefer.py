"""``Prefer`` (RFC 7240): ``wait=N`` and ``visible``; nonsense is ignored, as the RFC asks."""

import re
from dataclasses import dataclass

MAX_WAIT_S = 30
MAX_LENGTH = 1_000
"""A longer header is nonsense."""

_PIECE = re.compile(r'[^",;]+|[,;]|"(?:[^"\\]|\\.)*"?', re.DOTALL)
"""Matches wherever it begins, and never reads a character twice."""
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SECONDS = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Preference:
    """A caller's wishes: to wait ``wait`` seconds for the outcome, and for it to be visible."""

    wait: int | None = None
    visible: bool = False


def parse(header: str | None) -> Preference:
    """Return the known preferences; of one given twice the first counts (RFC 7240, section 2)."""
    if header is None or len(header) > MAX_LENGTH:
        return Preference()
    given: dict[str, str] = {}
    for element in _elements(header):
        name, _, value = element.partition("=")
        if _NAME.fullmatch(name := name.strip(" \t")):
            given.setdefault(name.lower(), _unquoted(value.strip(" \t")))
    return Preference(wait=_seconds(given.get("wait", "")), visible=given.get("visible") == "")


def _elements(header: str) -> list[str]:
    """Return the preferences of the list as they stand there, without their parameters."""
    elements: list[list[str]] = [[]]
    in_parameters = False
    for piece in _PIECE.findall(header):
        if piece == ",":
            elements.append([])
            in_parameters = False
        elif piece == ";":
            in_parameters = True
        elif not in_parameters:
            elements[-1].append(piece)
    return ["".join(pieces) for pieces in elements]


def _unquoted(word: str) -> str:
    quoted = len(word) > 1 and word[0] == word[-1] == '"'
    return re.sub(r"\\(.)", r"\1", word[1:-1]) if quoted else word


def _seconds(value: str) -> int | None:
    if not _SECONDS.fullmatch(value):
        return None
    return MAX_WAIT_S if len(value.lstrip("0")) > len(str(MAX_WAIT_S)) else min(int(value), MAX_WAIT_S)
