"""``python -m write_side``: the command worker, and an operator's commands on the log."""

from typing import Annotated

import typer

from bus.cli import EXIT_STATUS, AsJson, run_cli

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    epilog=EXIT_STATUS,
    help="Decides commands and keeps the log.",
)
RUN = "Run it"
LOOK = "Look into the log"
MEND = "Mend it"

Sample = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Only the streams of so many commits drawn by lot."),
]
Stream = Annotated[str | None, typer.Option(metavar="STREAM", help="Only of one stream, such as order-ID.")]
EventType = Annotated[
    str | None, typer.Option("--type", metavar="EVENT", help="Only with an event of this type: OrderShipped.")
]
Command = Annotated[str | None, typer.Option(metavar="ID", help="Only what one command came to.")]
Correlation = Annotated[str | None, typer.Option(metavar="ID", help="Only what one request set off.")]
Partition = Annotated[int | None, typer.Option(min=0, metavar="N", help="Only of one partition.")]
CarryOut = Annotated[bool, typer.Option("--carry-out", help="Move them; else they are only shown.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")]
Limit = Annotated[
    int, typer.Option("--limit", "-n", min=1, max=100_000, metavar="N", help="How many at most, the newest.")
]


@app.command(rich_help_panel=RUN)
def worker() -> None:
    """Handle the commands queue until SIGTERM."""
    from write_side import worker as command_worker  # noqa: PLC0415 - --help needs no drivers

    command_worker.main()


@app.command(rich_help_panel=LOOK, epilog=EXIT_STATUS)
def log(  # noqa: PLR0913 - each is an option
    *,
    stream: Stream = None,
    event: EventType = None,
    command: Command = None,
    correlation: Correlation = None,
    partition: Partition = None,
    limit: Limit = 20,
    follow: Follow = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="A line of JSON for each, with its events.")
    ] = False,
) -> None:
    """Show the end of the log, the newest last: decisions and refusals.

    Commits of different partitions are in the order their commands were accepted.
    """
    from write_side.cli import log_report  # noqa: PLC0415 - --help needs no drivers
    from write_side.tail import Wanted  # noqa: PLC0415

    wanted = Wanted(stream, event, command, correlation, partition)
    log_report.run(wanted, limit, follow=follow, as_json=as_json)


@app.command(rich_help_panel=LOOK, epilog=EXIT_STATUS)
def show(
    stream: Annotated[
        str, typer.Argument(metavar="STREAM", help="Such as order-ID, customer-ID, product-ID.")
    ],
    *,
    version: Annotated[int | None, typer.Option(min=1, metavar="N", help="The newest if not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a stream's history, and its state at a version."""
    from write_side.cli import history_report  # noqa: PLC0415 - --help needs no drivers

    history_report.run(stream, version, as_json=as_json)


@app.command(
    rich_help_panel=LOOK,
    epilog="Exit status: 0 no difference; 1 differences, or a server cannot be reached; 2 wrong usage.",
)
def audit(*, sample: Sample = None, as_json: AsJson = False) -> None:
    """Fold every stream of the log again and report every difference."""
    from write_side.cli import audit_report  # noqa: PLC0415 - --help needs no drivers

    raise typer.Exit(0 if audit_report.run(sample, as_json=as_json) else 1)


@app.command(
    rich_help_panel=MEND,
    epilog="Exit status: 0 in order, or moved; 1 out of order, or a server cannot be reached; 2 wrong usage.",
)
def repair(
    *,
    carry_out: Annotated[
        bool, typer.Option("--carry-out", help="Move them; else they are only shown.")
    ] = False,
) -> None:
    """Move each commit that stands below a commit that it depends on, as `audit` finds them.

    Stop the processes that decide and project first. Rebuild the read models afterwards.
    """
    from write_side.cli import repair_report  # noqa: PLC0415 - --help needs no drivers

    raise typer.Exit(0 if repair_report.run(carry_out=carry_out) else 1)


def main() -> None:
    """Run the command line, for ``python -m write_side`` and the script ``twofold-write-side``."""
    run_cli(app)


if __name__ == "__main__":
    main()
