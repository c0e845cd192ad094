"""``python -m read_side``: the projections' worker, and operators' commands on the read models."""

from typing import Annotated

import typer

from bus.cli import EXIT_STATUS, AsJson, run_cli

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    epilog=EXIT_STATUS,
    help="Keeps the read models, shows, audits and rebuilds them.",
)
RUN = "Run it"
LOOK = "Look into the read models"
MEND = "Mend and rebuild them"
PARKED_STATUS = (
    "Exit status: 0 nothing is parked that needs an operator, or all that was meant is mended; 1 not found,"
    " or a server cannot be reached; 2 wrong usage; 3 something is parked, or stays so."
)

Sample = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Only so many documents of each model, of one partition."),
]
Names = Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Read models by name.")]
Place = Annotated[str, typer.Argument(metavar="NAME.gN", help="A generation, such as order_summary.g1.")]


@app.command(rich_help_panel=RUN)
def worker() -> None:
    """Answer the read models' doorbells until SIGTERM."""
    from read_side import worker as projections_worker  # noqa: PLC0415 - --help needs no drivers

    projections_worker.main()


@app.command(rich_help_panel=LOOK)
def status(
    *,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again and again, until Ctrl-C.")] = False,
    interval: Annotated[
        float, typer.Option(min=0.1, max=3600, metavar="SECONDS", help="Between the two looks of the rates.")
    ] = 1.0,
    max_lag: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How far behind is too far.")
    ] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Show how far each read model is in each partition, how fast it moves, and what is wrong.

    Exit status: 0 all is well; 1 a server cannot be reached; 3 something needs attention, and the
    output says what.
    """
    from read_side.cli import status_report  # noqa: PLC0415 - --help needs no drivers

    well = status_report.run(interval, max_lag, watch=watch, as_json=as_json)
    raise typer.Exit(0 if well else 3)


@app.command(rich_help_panel=LOOK)
def audit(
    names: Names = None,
    *,
    generation: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Another one than the live one, of the one model named."),
    ] = None,
    sample: Sample = None,
    as_json: AsJson = False,
) -> None:
    """Fold the log again and report every difference; exit status 1 if there are any.

    Without names, it also audits the state that each commit of the log has.
    """
    from read_side.cli import audit_report  # noqa: PLC0415 - --help needs no drivers

    well = audit_report.run(sample, as_json=as_json, names=names or (), generation=generation)
    raise typer.Exit(0 if well else 1)


@app.command(rich_help_panel=MEND, epilog=EXIT_STATUS)
def rebuild(  # noqa: PLR0913 - its options
    names: Names = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every read model.")] = False,
    keep_old: Annotated[
        bool, typer.Option("--keep-old", help="Keep the old generation until it is dropped.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Print what the new one shows otherwise.")] = False,
    no_swap: Annotated[
        bool, typer.Option("--no-swap", help="Leave the new one ready beside the live one.")
    ] = False,
    processes: Annotated[
        int | None,
        typer.Option(min=1, max=256, metavar="N", help="How many fill it; as many as there are cores."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Build new generations from the log beside the live ones, and put them in service.

    Commands and queries go on meanwhile. If you kill it, what is live stays as it was. If you run
    it again, it goes on. The old generation stays for 10 minutes, so that you can go back to it:
    see "use".
    """
    from read_side.cli import rebuild_report  # noqa: PLC0415 - --help needs no drivers

    models = rebuild_report.chosen(names or (), everything=everything)
    rebuild_report.run(
        models, keep_old=keep_old, diff=diff, swap=not no_swap, processes=processes, as_json=as_json
    )


@app.command(hidden=True)
def carry_out_rebuild(
    name: Annotated[str, typer.Argument(help="The read model.")],
    epoch: Annotated[int, typer.Argument(min=1, help="Of the claim under which it was taken.")],
    generation: Annotated[int | None, typer.Argument(help="What was being built for it before.")] = None,
) -> None:
    """Carry out a requested rebuild; the projections' worker starts this for one that it took."""
    from read_side.rebuild import rebuild_job  # noqa: PLC0415 - --help needs no drivers
    from read_side.rebuild.rebuild_requests import Claim  # noqa: PLC0415

    rebuild_job.carry_out(Claim(name, epoch, generation))


@app.command(rich_help_panel=LOOK, epilog=EXIT_STATUS)
def generations(*, as_json: AsJson = False) -> None:
    """List the generations of the read models."""
    from read_side.cli import generations_report  # noqa: PLC0415 - --help needs no drivers

    generations_report.show(as_json=as_json)


@app.command(rich_help_panel=MEND, epilog=EXIT_STATUS)
def use(place: Place) -> None:
    """Put a generation in service: the previous one again, or one that was built with --no-swap."""
    from read_side.cli import generations_report  # noqa: PLC0415 - --help needs no drivers

    generations_report.use(place)


@app.command(rich_help_panel=MEND, epilog=EXIT_STATUS)
def drop(place: Place) -> None:
    """Delete a generation that is not live, once nobody can be reading from it."""
    from read_side.cli import generations_report  # noqa: PLC0415 - --help needs no drivers

    generations_report.drop(place)


parked_commands = typer.Typer(invoke_without_command=True)
app.add_typer(parked_commands, name="parked", rich_help_panel=MEND, epilog=PARKED_STATUS)


@parked_commands.callback()
def parked(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the streams that read models have parked, or retry them.

    Each stream has an event that could not be read or folded; its later events wait behind that
    one.
    """
    if context.invoked_subcommand is not None:
        return
    from read_side.cli import parked_report  # noqa: PLC0415 - --help needs no drivers

    raise typer.Exit(0 if parked_report.listed(as_json=as_json) else 3)


@parked_commands.command(epilog=PARKED_STATUS)
def retry(
    streams: Annotated[
        list[str] | None, typer.Argument(metavar="STREAM", help="Streams by name, such as order-0192f…")
    ] = None,
    *,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="Only in this read model.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that is parked.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fold the parked streams into the read models, after a fix.

    A read model that counts many streams into one document has to be rebuilt instead.
    """
    from read_side.cli import parked_report  # noqa: PLC0415 - --help needs no drivers
    from read_side.projections import by_name  # noqa: PLC0415

    if everything == bool(streams or model):
        raise typer.BadParameter("name streams or a --model, or say --all")
    try:
        by_name(model or "products")
    except LookupError as error:
        raise typer.BadParameter(str(error)) from None
    selection = parked_report.Selection(streams or (), model)
    raise typer.Exit(parked_report.retried(selection, as_json=as_json))


def main() -> None:
    """Run the command line, for ``python -m read_side`` and the script ``twofold-read-side``."""
    run_cli(app)


if __name__ == "__main__":
    main()
