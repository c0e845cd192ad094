"""The audit as ``python -m write_side audit`` runs and prints it."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich.table import Table

from bus.connections.clients import write_database
from bus.connections.mongodb_address import WRITE_URI
from bus.connections.preflight import settings_with_servers
from bus.log.log import Log
from bus.terminal import Terminal
from write_side.audit import AuditedStream, audited


def run(sample: int | None, *, as_json: bool) -> bool:
    """Audit the log and print the result; return True if there is no difference."""
    settings = settings_with_servers(WRITE_URI)
    database = write_database(settings)
    totals: dict[str, list[int]] = {}
    wrong: list[AuditedStream] = []
    with database.client:
        Log(database, settings.log_partitions).create()  # which refuses another number of partitions
        for one in audited(database, settings.log_partitions, sample):
            total = totals.setdefault(one.stream.partition("-")[0], [0, 0, 0])
            for place, count in enumerate((1, one.commits, len(one.differences))):
                total[place] += count
            if one.differences:
                wrong.append(one)
    differences = [asdict(difference) for one in wrong for difference in one.differences]
    if as_json:
        counted = {name: dict(zip(_COLUMNS, total, strict=True)) for name, total in totals.items()}
        report = {"categories": counted, "wrong": differences}
        sys.stdout.write(json.dumps(report, default=str) + "\n")
    else:
        _show(totals, wrong, Terminal())
    return not wrong


_COLUMNS = ("streams", "commits", "differences")


def _show(totals: dict[str, list[int]], wrong: Sequence[AuditedStream], console: Terminal) -> None:
    table = Table("category", *_COLUMNS)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, total in sorted(totals.items()):
        table.add_row(name, *(f"{count:,}" for count in total))
    console.print(table)
    for one in wrong:
        for d in one.differences:
            line = f"{d.stream} version {d.version}: {d.field}: expected {d.expected}, found {d.found}"
            console.print(line, highlight=False, soft_wrap=True)
