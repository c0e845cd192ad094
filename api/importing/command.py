"""``python -m api import``: reads a mapping and its files, sends them, and says what was refused.

A real run refuses what a dry run would, in the same words, and goes on with the rest. The service
knows what was sent before by its idempotency keys, so you can run an interrupted import again.
"""

import csv
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

from api.client.delivery import OF_A_REFUSED_ORDER, Delivery, Report, Request
from api.client.progress import deliver, table
from api.client.sender import Reason, Sender, connect
from api.importing import mapping as mappings
from api.importing import tables
from api.importing.drafts import RowRefusal
from api.importing.errors import BadInputError
from api.importing.history import KINDS, ORDERS, History
from api.importing.mapping import ImportMapping
from api.importing.rehearsal import Rehearsal
from bus.settings import Settings
from bus.terminal import Terminal

SUBJECT = "import"
"""The token's subject, always the same, as idempotency keys count per subject."""


class Import:
    """One mapping with its files, read and checked."""

    def __init__(self, paths: Sequence[Path], mapping: Path, console: Terminal) -> None:
        """Read everything.

        Raises:
            BadInputError: something is wrong with the mapping or the files.

        """
        self._mapping: ImportMapping = mappings.read(mapping)
        self._history = History(self._mapping, tables.read(self._mapping, paths))
        self._requests = {request.key: request for stage in self._history.stages for request in stage}
        self._console = console
        self.refusals: list[RowRefusal] = []
        """Every row that is not imported, sorted by file and line; complete after a run."""

    def rehearse(self) -> None:
        """Show what would be sent and what would be refused, without sending anything."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        rehearsal = Rehearsal(
            self._history,
            customers=self._mapping.customers is not None,
            products=self._mapping.products is not None,
            now=now,
        )
        refused = rehearsal.refused()
        kinds = Counter(request.kind for request in self._requests.values())
        refused_of = self._refused(refused)
        shown = Table("", "to send", "refused")
        for column in shown.columns[1:]:
            column.justify = "right"
        for kind in KINDS:
            sent = kinds[kind] - refused_of[kind]
            shown.add_row(kind, str(sent), str(refused_of[kind] + self._history.refused_of[kind]))
        self._console.print(shown)
        self._tell()

    def send(self, settings: Settings, url: str | None, parallel: int) -> None:
        """Send everything, wait for it, and show the result.

        Raises:
            ServiceError: the service cannot be reached, or gets nothing done.
            ConfigurationError: there is no key to sign a token with.

        """
        started = time.monotonic()
        with connect(settings, url, SUBJECT) as client:
            delivery = Delivery(Sender(client), parallel)
            deliver(delivery, self._history.stages, self._console)
        report = delivery.report
        self._refused(report.refused)
        self._console.print(table(self._with_unsent(report), KINDS))
        took = time.monotonic() - started
        orders = report.new[ORDERS]
        self._console.print(f"{orders} orders in {took:.1f} s, {orders / took:.1f} a second")
        self._tell()

    def _refused(self, reasons: Mapping[str, Reason]) -> Counter[str]:
        """Note what was refused beside what could not be sent; return the number of each kind."""
        found = list(self._history.refusals)
        for key, reason in reasons.items():
            origin, request = self._history.origins[key], self._requests[key]
            for name, why in _told(request, reason, reasons).items():
                found.append(origin.refusal(name, why))
        self.refusals = sorted(found, key=lambda refusal: (refusal.file, refusal.line))
        return Counter(self._requests[key].kind for key in reasons)

    def _with_unsent(self, report: Report) -> Report:
        return Report(report.new, report.known, report.refused, report.refused_of + self._history.refused_of)

    def _tell(self) -> None:
        for kind, count in self._history.repeats.items():
            repeats = f"{kind}: rows with other values than the first of their id, which counts: {count}"
            self._console.print(repeats, soft_wrap=True, highlight=False)
        for refusal in self.refusals:
            self._console.print(str(refusal), style="red", soft_wrap=True, highlight=False)


def run(  # noqa: PLR0913 - what the command line takes
    paths: Sequence[Path],
    mapping: Path,
    *,
    url: str | None,
    dry_run: bool,
    parallel: int,
    refused: Path | None,
) -> bool:
    """Import; return True if nothing was refused.

    Raises:
        BadInputError: something is wrong with the mapping or the files; nothing was sent.
        ServiceError: the service cannot be reached, or gets nothing done.
        ConfigurationError: there is no key to sign a token with.

    """
    settings = Settings.for_command_line()
    one = Import(paths, mapping, Terminal())
    if dry_run:
        one.rehearse()
    else:
        one.send(settings, url, parallel)
    if refused is not None:
        write(refused, one.refusals)
    return not one.refusals


def write(path: Path, refusals: Sequence[RowRefusal]) -> None:
    """Write the refusals as CSV.

    Raises:
        BadInputError: the file cannot be written.

    """
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([each.name for each in fields(RowRefusal)])
            writer.writerows(astuple(refusal) for refusal in refusals)
    except OSError as error:
        raise BadInputError(f"{path}: cannot be written: {error.strerror}") from None


def _told(request: Request, reason: Reason, refused: Mapping[str, Reason]) -> Mapping[str, str]:
    """Return the reasons of a refusal, by field.

    The service knows nothing of an order that was refused; the reason of its changes says that.
    """
    if request.order in refused:
        return {"order_id": OF_A_REFUSED_ORDER}
    return reason.fields or {"": reason.detail}
