"""``python -m bus dead``: shows what waits for an operator, and retries or discards it."""

import sys
from typing import Annotated

import typer

from bus.cli import EXIT_STATUS, AsJson

app = typer.Typer(
    no_args_is_help=True,
    epilog=EXIT_STATUS,
    help="Failed commands and dead letters: list and show them, try them again, or set them aside.",
)

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="As `list` shows them.")]
Queue = Annotated[str | None, typer.Option(metavar="NAME", help="Only what was on this queue.")]
Failed = Annotated[bool, typer.Option("--failed", help="Only failed commands.")]
Letters = Annotated[bool, typer.Option("--letters", help="Only dead letters.")]
Everything = Annotated[bool, typer.Option("--all", help="All that `list` shows, whatever its limit.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why; it is recorded, with who.")]


@app.command("list", epilog=EXIT_STATUS)
def list_(  # noqa: PLR0913 - each is an option
    *,
    queue: Queue = None,
    failed: Failed = False,
    letters: Letters = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Also discarded commands, and discarded and retried letters.")
    ] = False,
    limit: Annotated[
        int, typer.Option(min=1, max=100_000, metavar="N", help="How many at most, the newest.")
    ] = 50,
    as_json: AsJson = False,
) -> None:
    """List what waits for an operator, the newest first."""
    from bus.dead_letters import report as dead_report  # noqa: PLC0415 - --help needs no drivers

    kinds = dead_report.kinds(failed=failed, letters=letters)
    dead_report.show_list(kinds, queue, limit, resolved=everything, as_json=as_json)


@app.command(epilog=EXIT_STATUS)
def show(
    failure_id: Annotated[str, typer.Argument(metavar="ID", help="Of a letter, or of a command.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of a command or letter, including its payload and so personal data.

    The id of a command shows the command and every letter that carried it.
    """
    from bus.dead_letters import report as dead_report  # noqa: PLC0415 - --help needs no drivers

    raise typer.Exit(0 if dead_report.show_one(failure_id, as_json=as_json) else 1)


@app.command(epilog=EXIT_STATUS)
def retry(  # noqa: PLR0913 - each is an option
    ids: Ids = None,
    *,
    everything: Everything = False,
    queue: Queue = None,
    failed: Failed = False,
    letters: Letters = False,
    reason: Reason,
) -> None:
    """Try failed commands and dead letters again.

    A command is accepted once more, at the end of the order; a letter goes back on its queue.
    What it asks for is done once, whatever has become of it meanwhile.
    --queue, --failed and --letters narrow --all.
    """
    said = _said(reason)
    chosen = _chosen(ids, queue, everything=everything, failed=failed, letters=letters)
    from bus.dead_letters import report as dead_report  # noqa: PLC0415 - --help needs no drivers

    raise typer.Exit(0 if dead_report.retry(chosen, reason=said) else 1)


@app.command(epilog=EXIT_STATUS)
def discard(  # noqa: PLR0913 - each is an option
    ids: Ids = None,
    *,
    everything: Everything = False,
    queue: Queue = None,
    failed: Failed = False,
    letters: Letters = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before --all, as is done on a terminal.")
    ] = False,
    reason: Reason,
) -> None:
    """Set failed commands and dead letters aside: they are kept for ever, and no longer listed.

    A discarded command stays failed; it can still be retried by its id.
    --queue, --failed and --letters narrow --all.
    """
    said = _said(reason)
    chosen = _chosen(ids, queue, everything=everything, failed=failed, letters=letters)
    if everything and chosen and not yes and sys.stdin.isatty():
        typer.confirm(f"Discard {len(chosen):,} that `list` shows?", abort=True, err=True)
    from bus.dead_letters import report as dead_report  # noqa: PLC0415 - --help needs no drivers

    raise typer.Exit(0 if dead_report.discard(chosen, reason=said) else 1)


def _chosen(
    ids: list[str] | None, queue: str | None, *, everything: bool, failed: bool, letters: bool
) -> list[str]:
    if bool(ids) == everything:
        raise typer.BadParameter("give either ids or --all")
    if not everything and (queue or failed or letters):
        raise typer.BadParameter("--queue, --failed and --letters go with --all")
    from bus.dead_letters import report as dead_report  # noqa: PLC0415 - --help needs no drivers

    kinds = dead_report.kinds(failed=failed, letters=letters)
    return dead_report.open_ids(kinds, queue) if everything else ids or []


def _said(reason: str) -> str:
    if not reason.strip():
        raise typer.BadParameter("a reason that says nothing", param_hint="--reason")
    return reason.strip()
