"""``python -m bus``: the clock, queues, dead letters, the audit trail and the messages' schemas."""

from datetime import datetime
from typing import Annotated

import typer

from bus.cli import EXIT_STATUS, AsJson, run_cli
from bus.dead_letters import cli as dead_cli
from bus.schema import cli as schema_cli

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    epilog=EXIT_STATUS,
    help="Delivers what got lost on its way, and shows and mends what travels in the system.",
)
RUN = "Run it"
LOOK = "Look into the running system"


@app.command(rich_help_panel=RUN)
def clock() -> None:
    """Deliver again what got lost, and collect dead letters, every second until SIGTERM."""
    from bus import sweeper as sweeps  # noqa: PLC0415 - --help needs no drivers

    sweeps.main()


@app.command(rich_help_panel=LOOK, epilog=EXIT_STATUS)
def queues(
    *,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again and again, until Ctrl-C.")] = False,
    interval: Annotated[
        float, typer.Option(min=0.1, max=3600, metavar="SECONDS", help="Between the two looks of the rates.")
    ] = 1.0,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also what each figure means, and how to see it with redis-cli.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show each queue: what waits, is in flight, delayed, dead or stranded, its age and its speed.

    With --watch and --json, one line of JSON for each look.
    """
    from bus.inspection import report as queue_report  # noqa: PLC0415 - --help needs no drivers

    queue_report.run(interval, watch=watch, explain=explain, as_json=as_json)


@app.command(rich_help_panel=LOOK, epilog=EXIT_STATUS)
def audit_trail(
    *,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=100_000, metavar="N", help="How many at most.")
    ] = 50,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], metavar="TIME", help="A day or a moment, in UTC."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what operators did and who was shown personal data, the newest first.

    An action that was begun and has no end was interrupted. Reads repeated within an hour are
    counted in one row.
    """
    from bus.audit_trail import command_line  # noqa: PLC0415 - --help needs no drivers

    command_line.show(limit, since, as_json=as_json)


app.add_typer(dead_cli.app, name="dead", rich_help_panel=LOOK)
app.add_typer(schema_cli.app, name="schema", rich_help_panel=LOOK)


def main() -> None:
    """Run the command line of ``python -m bus`` and of the script ``twofold-bus``."""
    run_cli(app)


if __name__ == "__main__":
    main()
