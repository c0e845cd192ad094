"""One type of problem."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProblemType:
    """The meaning of a type of problem, and what the caller can do about it.

    ``statuses`` are the HTTP statuses that it comes with. The texts are Markdown: code is in
    backticks, and they have no other markup.
    """

    statuses: tuple[int, ...]
    meaning: str
    advice: str
