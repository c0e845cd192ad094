"""The audit as ``python -m read_side audit`` runs and prints it."""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from bus.connections import read_database, write_database
from bus.log import Log
from bus.settings import Settings
from read_side.audit import Audited, Difference, audited


def run(sample: int | None, *, as_json: bool) -> bool:
    """Audit the read models and print what was found; return whether all is as it must be."""
    settings = Settings.load()
    writes, reads = write_database(settings), read_database(settings)
    with writes.client, reads.client:
        log = Log(writes, settings.log_partitions)
        log.create()  # which refuses another number of partitions
        results = list(audited(log, reads, sample=sample))
    if as_json:
        sys.stdout.write(json.dumps([asdict(result) for result in results], default=str) + "\n")
    else:
        show(results, Console())
    return not any(result.differences for result in results)


def show(results: Iterable[Audited], console: Console) -> None:
    """One row for each read model, then one line for each difference."""
    table = Table("read model", "generation", "commits", "documents", "differences")
    for column in table.columns[1:]:
        column.justify = "right"
    lines = []
    for result in results:
        counts = result.generation, result.commits, result.documents, len(result.differences)
        table.add_row(result.read_model, *(f"{count:,}" for count in counts))
        lines += [_line(difference) for difference in result.differences]
    console.print(table)
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _line(difference: Difference) -> str:
    place = difference.document if difference.field is None else f"{difference.document} {difference.field}"
    return f"{difference.read_model}: {place}: expected {difference.expected}, found {difference.found}"
