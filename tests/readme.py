"""The README as its tests see it: fenced blocks, tables, and what stands in code between the words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"

_FENCED = re.compile(
    r"^```(?P<language>\w+) ?(?P<about>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block; ``about`` is what follows its language: the file it belongs in, or ``session``."""

    language: str
    about: str
    text: str


def blocks(language: str) -> list[Block]:
    """The blocks of a language, in their order."""
    found = [Block(**match.groupdict()) for match in _FENCED.finditer(README.read_text())]
    return [block for block in found if block.language == language]


def session(language: str) -> str:
    """The blocks that together are the session in a language, as one text."""
    return "".join(block.text for block in blocks(language) if block.about == "session")


def code() -> set[str]:
    """Whatever stands between single backticks."""
    return set(_CODE.findall(_FENCED.sub("", README.read_text())))


def section(title: str) -> str:
    """A section of the second level, without its title; ``KeyError`` if there is none."""
    _, found, rest = README.read_text().partition(f"\n## {title}\n")
    if not found:
        raise KeyError(title)
    return rest.partition("\n## ")[0]


def rows(title: str) -> Iterator[list[str]]:
    """The rows of the first table in a section, without its head."""
    table = [line for line in section(title).splitlines() if line.startswith("|")]
    for line in table[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


@dataclass(frozen=True)
class Change:
    """A ``diff`` block: what stands in a file before and after, hunk by hunk."""

    path: str
    hunks: tuple[tuple[str, str], ...]

    def apply(self, text: str) -> str:
        """The text after the change.

        Raises:
            ValueError: what is to be changed is not there, or more than once.

        """
        for before, after in self.hunks:
            if text.count(before) != 1:
                raise ValueError(f"README, {self.path}: found {text.count(before)} times:\n{before}")
            text = text.replace(before, after)
        return text


def changes() -> list[Change]:
    return [Change(block.about, tuple(_hunks(block.text))) for block in blocks("diff")]


def _hunks(text: str) -> Iterator[tuple[str, str]]:
    for hunk in text.split("@@\n"):
        lines = hunk.splitlines(keepends=True)
        if any(line[0] not in " +-\n" for line in lines):
            raise ValueError(f"a line that is neither kept, added nor removed:\n{hunk}")
        yield (
            "".join(line.removeprefix(" ").removeprefix("-") for line in lines if line[0] != "+"),
            "".join(line.removeprefix(" ").removeprefix("+") for line in lines if line[0] != "-"),
        )
