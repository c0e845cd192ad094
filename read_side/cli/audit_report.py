"""The audit as ``python -m read_side audit`` runs and prints it."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from bus.connections.clients import read_database, write_database
from bus.connections.mongodb_address import READ_URI, WRITE_URI
from bus.connections.preflight import settings_with_servers
from bus.log.log import Log
from bus.terminal import Terminal
from read_side.audit.audit import AuditedGeneration, DocumentDifference, audited
from read_side.audit.states_audit import audit_states, lines
from read_side.errors import GenerationError
from read_side.generations.registry import Registry
from read_side.projections import READ_MODELS, by_name
from read_side.projections.model import ReadModel


def run(
    sample: int | None, *, as_json: bool, names: Sequence[str] = (), generation: int | None = None
) -> bool:
    """Audit the read models, or those named, and print the result; return True if all is right.

    Without names, the log's states are audited too.

    Raises:
        GenerationError: there is no such read model or generation.

    """
    models = _named(names)
    if generation is not None and len(names) != 1:
        raise GenerationError("--generation is of the one read model that is named")
    settings = settings_with_servers(WRITE_URI, READ_URI)
    writes, reads = write_database(settings), read_database(settings)
    with writes.client, reads.client:
        log = Log(writes, settings.log_partitions)
        log.create()  # which refuses another number of partitions
        if generation is not None and generation not in Registry(reads).entry(models[0].name).generations:
            raise GenerationError(f"there is no {models[0].name}.g{generation}")
        results = list(audited(log, reads, models, sample, generation))
    states = None if names else audit_states(sample)
    if as_json:
        told = [*(asdict(result) for result in results), *([states] if states else [])]
        sys.stdout.write(json.dumps(told, default=str) + "\n")
    else:
        console = Terminal()
        show(results, console)
        for line in (*lines(states), verdict(results, states)) if states else ():
            console.print(line, highlight=False, soft_wrap=True)
    return not any(result.differences for result in results) and not (states and states["differences"])


def _named(names: Sequence[str]) -> Sequence[ReadModel]:
    try:
        return [by_name(name) for name in dict.fromkeys(names)] or READ_MODELS
    except LookupError as error:
        raise GenerationError(str(error)) from None


def show(results: Iterable[AuditedGeneration], console: Terminal) -> None:
    """Print one row for each read model, then one line for each difference."""
    table = Table("read model", "generation", "commits", "documents", "differences")
    for column in table.columns[1:]:
        column.justify = "right"
    told = []
    for result in results:
        counts = result.generation, result.commits, result.documents, len(result.differences)
        table.add_row(result.read_model, *(f"{count:,}" for count in counts))
        told += [_line(difference) for difference in result.differences]
    console.print(table)
    for line in told:
        console.print(line, highlight=False, soft_wrap=True)


def verdict(results: Iterable[AuditedGeneration], states: Mapping[str, Any]) -> str:
    """Return the sum of all differences; a read model that equals a wrong log is wrong, too."""
    found = sum(len(result.differences) for result in results)
    wrong = len(states["differences"])
    if not wrong:
        return f"in all: {found:,} differences"
    return (
        f"in all: {found + wrong:,} differences: {found:,} between the read models and the log,"
        f" {wrong:,} in the log itself, which the read models repeat"
    )


def _line(difference: DocumentDifference) -> str:
    place = difference.document if difference.field is None else f"{difference.document} {difference.field}"
    return f"{difference.read_model}: {place}: expected {difference.expected}, found {difference.found}"
