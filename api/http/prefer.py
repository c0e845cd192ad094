"""``Prefer`` (RFC 7240): ``wait=N`` and ``visible``; what makes no sense is ignored, as the RFC asks."""

import re
from dataclasses import dataclass

MAX_WAIT_S = 30
MAX_LENGTH = 1_000
"""A longer header is nonsense; it also bounds what parsing costs."""

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_WORD = rf'(?:{_NAME}|"(?:[^"\\]|\\.)*")'
_ELEMENT = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*")+')
_PREFERENCE = re.compile(
    rf"[ \t]*(?P<name>{_NAME})(?:[ \t]*=[ \t]*(?P<value>{_WORD})?)?[ \t]*"
    rf"(?:;[ \t]*(?:{_NAME}(?:[ \t]*=[ \t]*{_WORD})?[ \t]*)?)*"
)
_SECONDS = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Preference:
    """What a caller would like: to wait ``wait`` seconds for the outcome, and for it to be visible."""

    wait: int | None = None
    visible: bool = False


def parse(header: str | None) -> Preference:
    """The preferences known here; of one given twice the first counts (RFC 7240, section 2)."""
    if header is None or len(header) > MAX_LENGTH:
        return Preference()
    given: dict[str, str] = {}
    for element in _ELEMENT.findall(header):
        if preference := _PREFERENCE.fullmatch(element):
            given.setdefault(preference["name"].lower(), _unquoted(preference["value"] or ""))
    return Preference(wait=_seconds(given.get("wait", "")), visible=given.get("visible") == "")


def _unquoted(word: str) -> str:
    return re.sub(r"\\(.)", r"\1", word[1:-1]) if word.startswith('"') else word


def _seconds(value: str) -> int | None:
    if not _SECONDS.fullmatch(value):
        return None
    return MAX_WAIT_S if len(value.lstrip("0")) > len(str(MAX_WAIT_S)) else min(int(value), MAX_WAIT_S)
