"""What a round came to, as the JSON that is printed."""

import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.chaos.findings import Findings

SHOWN = 20
"""Findings of a kind that are printed; they are counted all."""


@dataclass(frozen=True, slots=True)
class Report:
    """``well`` if nothing was lost, doubled or different, and the system came back from everything."""

    seed: int
    minutes: float
    rate: float
    clients: int
    accepted: int
    findings: Findings
    faults: Mapping[str, int]
    missed: Mapping[str, int]
    """Faults that found nothing to act on."""
    recovery_seconds: Mapping[str, list[float]]
    outstanding: list[str]
    """Faults that the system had not recovered from at the end."""
    unanswered: list[str]
    """Commands that nobody knows of whether they were accepted."""
    unasked: list[str]
    """The last words of processes that ended without having been killed."""
    stuck: list[str]
    """Processes that did not end when they were told to."""
    outcomes: Mapping[str, int]
    answers: Counter[str]
    slowest_answer_s: float
    load_s: float

    @property
    def well(self) -> bool:
        wrong = self.findings.any or self.outstanding or self.unanswered or self.unasked or self.stuck
        return self.accepted > 0 and not wrong

    def document(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "minutes": round(self.minutes, 2),
            "rate": self.rate,
            "clients": self.clients,
            "accepted": self.accepted,
            "accepted_per_s": round(self.accepted / self.load_s, 1),
            "lost": len(self.findings.lost),
            "doubled": len(self.findings.doubled),
            "differences": len(self.findings.differences),
            "faults": {**dict(sorted(self.faults.items())), "all": sum(self.faults.values())},
            "faults_without_effect": dict(sorted(self.missed.items())),
            "recovery_seconds": {
                kind: {
                    "count": len(seconds),
                    "median": round(statistics.median(seconds), 1),
                    "max": round(max(seconds), 1),
                }
                for kind, seconds in sorted(self.recovery_seconds.items())
            },
            "not_recovered_from": self.outstanding,
            "unanswered": len(self.unanswered),
            "ended_by_themselves": self.unasked[:SHOWN],
            "did_not_end": self.stuck,
            "outcomes": dict(self.outcomes),
            "answers": dict(sorted(self.answers.items())),
            "slowest_answer_s": round(self.slowest_answer_s, 2),
            "found": {
                "lost": self.findings.lost[:SHOWN],
                "doubled": self.findings.doubled[:SHOWN],
                "differences": self.findings.differences[:SHOWN],
            },
            "well": self.well,
        }
