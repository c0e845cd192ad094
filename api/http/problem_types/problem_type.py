"""One type of problem."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProblemType:
    """What a problem of this type means, and what whoever gets it can do.

    ``statuses`` are those that it comes with. The texts are Markdown, as far as code is in backticks.
    """

    statuses: tuple[int, ...]
    meaning: str
    advice: str
