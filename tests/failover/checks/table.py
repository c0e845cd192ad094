"""Every check of a history, by what it finds violated."""

from collections.abc import Callable, Mapping

from tests.failover.checks import decisions, facts, order, positions, reads
from tests.failover.history.history import History

CHECKS: Mapping[str, Callable[[History], list[str]]] = {
    "one decision": decisions.check,
    "order": order.check,
    "facts": facts.check,
    "positions": positions.check,
    "strong reads": reads.check_strong,
    "tokens": reads.check_tokens,
    "monotonic": reads.check_monotonic,
    "never was": reads.check_known,
}


def violations(history: History) -> dict[str, list[str]]:
    """By check, a line for each violation."""
    return {name: check(history) for name, check in CHECKS.items()}
