"""``python -m bus schema``: prints the forms of stored messages, and checks a change of them."""

from typing import Annotated

import typer

from bus.cli import AsJson, write_json
from bus.terminal import Terminal

app = typer.Typer()


@app.callback(invoke_without_command=True)
def schema(context: typer.Context) -> None:
    """Print the JSON Schema and the version of each stored message, or check a change of them."""
    if context.invoked_subcommand is not None:
        return
    from bus.schema.forms import all_messages  # noqa: PLC0415 - --help needs no messages

    write_json(
        {one.name: {"kind": one.kind, "version": one.version, "schema": one.schema} for one in all_messages()}
    )


STATUS = "Exit status: 0 all of it can be read; 1 something stored cannot, or no such revision; 2 usage."


@app.command(epilog=STATUS)
def check(
    *,
    against: Annotated[
        str, typer.Option(metavar="REV", help="A revision of git's: a tag, a branch, a hash.")
    ],
    as_json: AsJson = False,
) -> None:
    """Compare the messages with another revision's: backward, forward, full or none, and why.

    Backward: this build reads what that one stored. Forward: that one reads what this one stores,
    so that both can run beside each other.
    """
    from bus.schema.compatibility import compare  # noqa: PLC0415 - --help needs no messages
    from bus.schema.forms import all_messages  # noqa: PLC0415
    from bus.schema.revisions import at_revision  # noqa: PLC0415
    from bus.tables import table  # noqa: PLC0415

    found = compare(at_revision(against), {one.name: one for one in all_messages()})
    if as_json:
        write_json([{"message": one.name, "verdict": one.verdict, "reasons": one.reasons} for one in found])
    else:
        rows = table("message", words=["verdict", "why"])
        for one in found:
            rows.add_row(one.name, one.verdict, "\n".join(one.reasons))
        Terminal().print(rows)
    raise typer.Exit(code=0 if all(one.reads_what_is_stored for one in found) else 1)
