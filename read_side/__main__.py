"""``python -m read_side``: the projections' worker, the audit of the read models, and what they set aside."""

from typing import Annotated

import typer

from bus.cli import run_cli

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Keeps the read models and audits them.")

Sample = Annotated[
    int | None, typer.Option(min=1, help="Only so many documents of each model, of one partition.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document instead of tables.")]


@app.callback()
def _read_side() -> None:
    """Keep the sub-commands' names even while there is one only."""


@app.command()
def worker() -> None:
    """Answer the read models' doorbells until SIGTERM."""
    from read_side import worker as projections_worker  # noqa: PLC0415 - --help needs no drivers

    projections_worker.main()


@app.command()
def audit(*, sample: Sample = None, as_json: AsJson = False) -> None:
    """Fold the log again and report every difference; exit status 1 if there are any."""
    from read_side import audit_report  # noqa: PLC0415 - --help needs no drivers

    raise typer.Exit(0 if audit_report.run(sample, as_json=as_json) else 1)


parked_commands = typer.Typer(
    invoke_without_command=True, help="Streams that a read model has set aside: list them, or retry them."
)
app.add_typer(parked_commands, name="parked")


@parked_commands.callback()
def parked(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the streams that a read model has set aside, and why; exit status 1 if there are any."""
    if context.invoked_subcommand is not None:
        return
    from read_side import parked_report  # noqa: PLC0415 - --help needs no drivers

    raise typer.Exit(0 if parked_report.listed(as_json=as_json) else 1)


@parked_commands.command()
def retry(
    streams: Annotated[list[str] | None, typer.Argument(help="Such as order-0192f…")] = None,
    *,
    model: Annotated[str | None, typer.Option(help="Only in this read model.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that is parked.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fold what was set aside, after a fix; exit status 1 if any of it stays parked.

    In read models that count many streams into one document a rebuild is needed instead.
    """
    from read_side import parked_report  # noqa: PLC0415 - --help needs no drivers
    from read_side.projections import by_name  # noqa: PLC0415

    if everything == bool(streams or model):
        raise typer.BadParameter("name streams or a --model, or say --all")
    try:
        by_name(model or "products")
    except LookupError as error:
        raise typer.BadParameter(str(error)) from None
    selection = parked_report.Selection(streams or (), model)
    raise typer.Exit(0 if parked_report.retried(selection, as_json=as_json) else 1)


if __name__ == "__main__":
    run_cli(app)
