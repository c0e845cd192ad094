"""The pages as their tests see them: fenced blocks, tables, links, and code between the words."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FENCED = re.compile(
    r"^```(?P<language>\w+) ?(?P<about>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_CODE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]*))?\)")
_ELSEWHERE = re.compile(r"[a-z]+:")


@dataclass(frozen=True)
class Block:
    """A fenced block; ``about`` is what follows its language: the file it belongs in, or ``session``."""

    language: str
    about: str
    text: str

    @property
    def kind(self) -> str:
        """``sh session``, ``python file`` and the like; empty if no test runs it."""
        return f"{self.language} {self.about if self.about == 'session' else 'file'}" if self.about else ""


@dataclass(frozen=True)
class Link:
    """A link to a place in the tree: a file, as it is written, and a heading; either may be empty."""

    path: str
    heading: str


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
                raise ValueError(f"the page, {self.path}: found {text.count(before)} times:\n{before}")
            text = text.replace(before, after)
        return text


@dataclass(frozen=True)
class Page:
    """One page, by its path from the root."""

    name: str

    @property
    def path(self) -> Path:
        return ROOT / self.name

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def prose(self) -> str:
        """Without its fenced blocks."""
        return _FENCED.sub("", self.text)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The fenced blocks that have a language, in their order."""
        return tuple(Block(**match.groupdict()) for match in _FENCED.finditer(self.text))

    @property
    def code(self) -> set[str]:
        """Whatever stands between single backticks."""
        return set(_CODE.findall(self.prose))

    @property
    def headings(self) -> set[str]:
        """The names that GitHub gives them."""
        seen: Counter[str] = Counter()
        named = set()
        for heading in _HEADING.findall(self.prose):
            name = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
            named.add(f"{name}-{seen[name]}" if seen[name] else name)
            seen[name] += 1
        return named

    @property
    def links(self) -> Iterator[Link]:
        """Those that lead to a place in the tree."""
        for path, heading in _LINK.findall(self.prose):
            if not _ELSEWHERE.match(path):
                yield Link(path, heading)

    @property
    def new_files(self) -> dict[str, str]:
        """What its examples add: the text of each by its path."""
        return {block.about: block.text for block in self.blocks if block.kind == "python file"}

    @property
    def changes(self) -> list[Change]:
        """What its examples change."""
        return [
            Change(block.about, tuple(_hunks(block.text)))
            for block in self.blocks
            if block.kind == "diff file"
        ]

    def session(self, language: str) -> str:
        """The blocks that together are the session in a language, as one text."""
        return "".join(block.text for block in self.blocks if block.kind == f"{language} session")

    def section(self, title: str) -> str:
        """A section of the second level, without its title; ``KeyError`` if there is none."""
        _, found, rest = self.text.partition(f"\n## {title}\n")
        if not found:
            raise KeyError(title)
        return rest.partition("\n## ")[0]

    def rows(self) -> Iterator[list[str]]:
        """The rows of its first table, without the head."""
        table = re.search(r"(?:^\|.*\n)+", self.text, re.MULTILINE)
        for line in table[0].splitlines()[2:] if table else ():
            yield [cell.strip() for cell in line.strip("|").split("|")]


def _hunks(text: str) -> Iterator[tuple[str, str]]:
    for hunk in text.split("@@\n"):
        lines = hunk.splitlines(keepends=True)
        if any(line[0] not in " +-\n" for line in lines):
            raise ValueError(f"a line that is neither kept, added nor removed:\n{hunk}")
        yield (
            "".join(line.removeprefix(" ").removeprefix("-") for line in lines if line[0] != "+"),
            "".join(line.removeprefix(" ").removeprefix("+") for line in lines if line[0] != "-"),
        )


README = Page("README.md")
CHANGELOG = Page("CHANGELOG.md")
TUTORIAL = Page("docs/tutorial.md")
EXTENDING = Page("docs/extending.md")
CONFIGURATION = Page("docs/configuration.md")
GUARANTEES = Page("docs/guarantees.md")
CONNECTIONS = Page("docs/connections.md")
PERFORMANCE = Page("docs/performance.md")
IMPORTING = Page("docs/importing.md")

RUN = {
    README: {"sh session": 1},
    TUTORIAL: {"sh session": 5, "python session": 1, "text session": 1},
    EXTENDING: {"python file": 3, "diff file": 13},
    IMPORTING: {"csv file": 1, "toml file": 1, "text file": 1},
}
"""The pages with blocks that tests run, and how many of each kind: none can fall out unseen."""


PAGES_ABOVE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "findings/README.md")


def all_pages() -> list[Page]:
    """Every page that is written for people, and followed by git."""
    found = [ROOT / name for name in PAGES_ABOVE]
    found += (ROOT / "docs").rglob("*.md")
    return [Page(str(path.relative_to(ROOT))) for path in sorted(found)]
