"""``python -m write_side repair``, as it runs and prints."""

from rich.table import Table

from bus.audit_trail.actions import Action
from bus.audit_trail.command_line import recorder
from bus.connections.clients import write_database
from bus.connections.mongodb_address import WRITE_URI
from bus.connections.preflight import settings_with_servers
from bus.log.log import Log
from bus.tables import table
from bus.terminal import Terminal
from write_side.repair import Move, Repair


def run(*, carry_out: bool) -> bool:
    """Print the commits that are out of order, and move them with ``carry_out``.

    Return True if all commits are in order at the end.

    Raises:
        RefusedError: processes that decide or project are alive.

    """
    settings = settings_with_servers(WRITE_URI)
    database = write_database(settings)
    with database.client:
        repair = Repair(database, settings.log_partitions)
        if not repair.begun():
            Log(database, settings.log_partitions).create()  # which refuses another number of partitions
        moves = repair.moves()
        console = Terminal()
        if not moves:
            console.print("Every commit stands above what it rests on.")
            return True
        console.print(_table(moves))
        if not carry_out:
            console.print("Nothing was moved. Stop the processes and say --carry-out to move them.")
            return False
        with recorder(settings) as recorded, recorded(Action.REPAIR_LOG, {"commits": str(len(moves))}):
            repair.carry_out(moves)
        console.print(
            f"{len(moves):,} commits moved. Now rebuild every read model: docs/operating.md says how."
        )
        return True


def _table(moves: list[Move]) -> Table:
    shown = table("stream", numbers=("version", "position", "to be"))
    for move in sorted(moves, key=lambda move: (move.stream, move.version)):
        shown.add_row(
            move.stream, str(move.version), f"{move.partition}-{move.seq}", f"{move.partition}-{move.to}"
        )
    return shown
