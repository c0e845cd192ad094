"""The report: one table for people, one JSON object for programs.

In the JSON the figures' values are at the top, by their names, and everything else is beside them:
``details`` (for each figure its goal, its spread, the values of the rounds and what they are made of),
``failed`` and ``missing`` with the reasons, and ``machine``.
"""

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from tests.benchmarks.figures import Failure, Figure, Missing
from tests.benchmarks.samples import Samples, short

Result = Figure | Failure | Missing

PACKAGES = ("dramatiq", "redis", "pymongo", "falcon", "waitress", "pydantic", "eventsourcing")
DIGITS = 4


def table(results: Iterable[Result]) -> Table:
    """A row for each figure: its median, its lowest and highest round, its goal, and what it is made of."""
    made = Table(
        "figure", title="Each figure is the median of its rounds", caption="spread: lowest to highest round"
    )
    for column in ("median", "spread", "goal"):
        made.add_column(column, justify="right")
    made.add_column("")
    made.add_column("from", overflow="fold")
    for result in results:
        if isinstance(result, Missing):
            made.add_row(result.name, "not to be had", "", "", "", escape(result.why.strip().splitlines()[0]))
            continue
        if isinstance(result, Failure):
            made.add_row(result.name, "[red]failed", "", "", "", escape(result.why.strip().splitlines()[-1]))
            continue
        made.add_row(
            result.name,
            f"{short(result.value)} {result.unit}",
            f"{short(result.samples.low)} to {short(result.samples.high)}",
            str(result.goal or ""),
            {True: "[green]met", False: "[red]not met", None: ""}[result.is_met],
            result.about,
        )
    return made


def as_json(results: Sequence[Result], size: str) -> dict[str, Any]:
    """The whole of it, in plain values."""
    figures = [result for result in results if isinstance(result, Figure)]
    return {
        **{figure.name: _rounded(figure.value) for figure in figures},
        "details": {figure.name: _details(figure) for figure in figures},
        "missing": {result.name: result.why for result in results if isinstance(result, Missing)},
        "failed": {result.name: result.why for result in results if isinstance(result, Failure)},
        "size": size,
        "machine": machine(),
    }


def _details(figure: Figure) -> dict[str, Any]:
    return {
        "unit": figure.unit,
        "goal": str(figure.goal) if figure.goal else None,
        "met": figure.is_met,
        "rounds": plain(figure.samples),
        "of": plain(figure.details),
    }


def plain(value: object) -> Any:
    """Samples as objects, numbers rounded, everything within likewise."""
    match value:
        case Samples():
            return {
                "median": _rounded(value.median),
                "low": _rounded(value.low),
                "high": _rounded(value.high),
                "spread": _rounded(value.spread),
                "values": [_rounded(each) for each in value.values],
            }
        case Mapping():
            return {str(name): plain(each) for name, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case float():
            return _rounded(value)
        case _:
            return value


def machine() -> dict[str, Any]:
    """What it ran on."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "processor": names[0] if names else platform.processor(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[2],
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
