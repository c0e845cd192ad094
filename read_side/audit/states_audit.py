"""The write side's audit of its states, as the last part of this side's.

Each commit's ``state`` must be the fold of its stream's events. Only the write side can fold them,
and neither side imports the other. So this runs the write side's command line, ``python -m
write_side audit``.
"""

import json
import subprocess
import sys
from typing import Any

from bus.errors import TwofoldError


class StatesAuditError(TwofoldError):
    """The write side's audit came to no result."""


def audit_states(sample: int | None) -> dict[str, Any]:
    """Return what the audit found, with ``differences`` as this side's audit has them.

    Raises:
        StatesAuditError: it could not be done.

    """
    sampled = [] if sample is None else ["--sample", str(sample)]
    command = [sys.executable, "-m", "write_side", "audit", "--json", *sampled]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    try:
        report = json.loads(done.stdout)
    except ValueError:
        raise StatesAuditError(f"the audit of the states failed: {done.stderr.strip()[-500:]}") from None
    return {"states": report["categories"], "differences": report["wrong"]}


def lines(found: dict[str, Any]) -> list[str]:
    """Return a line that sums up, then one for each difference."""
    streams = sum(category["streams"] for category in found["states"].values())
    commits = sum(category["commits"] for category in found["states"].values())
    differences = found["differences"]
    return [
        f"states: {streams:,} streams, {commits:,} commits, {len(differences):,} differences",
        *(
            f"states: {one['stream']} version {one['version']} {one['field']}:"
            f" expected {one['expected']}, found {one['found']}"
            for one in differences
        ),
    ]
