"""What a round came to: the books of ``make chaos``, the violations of its history, and the costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from tests.chaos.report import SHOWN
from tests.chaos.report import Report as Books
from tests.failover.costs import Cost
from tests.failover.faults.table import KILLED_PRIMARY

GOAL_UNSERVED_S = 6.0
GOAL_SHOWN_S = 15.0


@dataclass(frozen=True, slots=True)
class Report:
    """``well`` if the books are, and the history violates nothing. Costs are told and decide nothing."""

    books: Books
    violations: Mapping[str, Sequence[str]]
    costs: Mapping[str, Cost]
    looks: Mapping[str, int]
    """Reads that were held against the history, by what became of them."""

    @property
    def well(self) -> bool:
        return self.books.well and not any(self.violations.values())

    def document(self) -> dict[str, Any]:
        """As the JSON has it."""
        books = self.books.document()
        found = books.pop("found")
        books.pop("recovery_seconds")
        return {
            **books,
            "violations": {name: len(lines) for name, lines in self.violations.items()},
            "reads": dict(self.looks),
            "costs": {kind: cost.document() for kind, cost in self.costs.items()},
            "goals": self._goals(),
            "found": found | {name: list(lines[:SHOWN]) for name, lines in self.violations.items() if lines},
            "well": self.well,
        }

    def table(self) -> Table:
        """The costs, a row for each kind of fault."""
        table = Table(title="Faults and what they cost", caption=self._summary())
        table.add_column("fault")
        for column in ("times", "unserved s", "at most", "all shown s", "at most"):
            table.add_column(column, justify="right")
        for kind, cost in self.costs.items():
            table.add_row(kind, *("-" if value is None else str(value) for value in cost.document().values()))
        return table

    def _summary(self) -> str:
        books = self.books
        wrong = {
            "lost": len(books.findings.lost),
            "doubled": len(books.findings.doubled),
            "differences": len(books.findings.differences),
            **{name: len(lines) for name, lines in self.violations.items()},
        }
        told = ", ".join(f"{name} {number}" for name, number in wrong.items())
        return f"{books.accepted} accepted, {sum(books.faults.values())} faults; {told}"

    def _goals(self) -> dict[str, Any]:
        """Of the kind that has a goal, whether its medians are within it; nothing if it did not occur."""
        if KILLED_PRIMARY not in self.costs:
            return {}
        told = self.costs[KILLED_PRIMARY].document()
        goals = {"unserved_median_s": GOAL_UNSERVED_S, "shown_median_s": GOAL_SHOWN_S}
        return {
            f"{KILLED_PRIMARY}: {name}": {
                "goal": goal,
                "found": found,
                "met": found is not None and found <= goal,
            }
            for name, goal in goals.items()
            for found in [told[name]]
        }
