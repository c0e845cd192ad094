"""``python -m tests.attacks``: what an ordinary caller notices of each attack, as a table in Markdown.

It starts a system for each attack and wants the machine to itself; each takes about a minute.
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from bus.cli import run_cli
from tests.attacks.attack import Attack
from tests.attacks.flood import FLOODS
from tests.attacks.measure import Row, measure
from tests.attacks.ordinary import Pace
from tests.attacks.swarm import SWARMS

ATTACKS: tuple[Attack, ...] = (*SWARMS, *FLOODS)
NAMES = ", ".join(attack.name for attack in ATTACKS)
HEAD = (
    "| attack | p50 before | during | after | p99 before | during | after | refused | unanswered |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
)
app = typer.Typer(add_completion=False, help="What an ordinary caller notices of each attack.")

File = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write all figures there as well.")]
Only = Annotated[list[str] | None, typer.Option("--only", metavar="NAME", help=f"Only these of: {NAMES}.")]
Seconds = Annotated[float, typer.Option(min=1, help="How long to ask before, during and after each attack.")]


@app.command()
def main(*, json_file: File = None, only: Only = None, seconds: Seconds = 15.0) -> None:
    unknown = set(only or ()) - {attack.name for attack in ATTACKS}
    if unknown:
        raise typer.BadParameter(f"no attack is named {', '.join(sorted(unknown))}; there are {NAMES}")
    rows = []
    for attack in ATTACKS:
        if not only or attack.name in only:
            sys.stderr.write(f"{attack.title}\n")
            rows.append(measure(attack, seconds))
    sys.stdout.write("\n".join([*HEAD, *map(_line, rows)]) + "\n")
    if json_file is not None:
        json_file.write_text(json.dumps(list(map(_told, rows)), indent=2) + "\n")


def _line(row: Row) -> str:
    phases = (row.before, row.during, row.after)
    times = [f"{phase.ms(percent):.1f} ms" for percent in (50, 99) for phase in phases]
    return f"| {' | '.join([row.title, *times, str(row.during.refused), str(row.during.unanswered)])} |"


def _told(row: Row) -> dict[str, object]:
    paces = {phase: _figures(getattr(row, phase)) for phase in ("before", "during", "after")}
    return {"attack": row.attack, "title": row.title, **paces, "attackers": dict(row.did)}


def _figures(pace: Pace) -> dict[str, object]:
    times = {f"p{percent}_ms": round(pace.ms(percent), 1) for percent in (50, 90, 99)}
    return {**times, "statuses": dict(pace.statuses), "unanswered": pace.unanswered}


if __name__ == "__main__":
    run_cli(app)
