"""The messages of another revision of this project, read from git and described by its own code."""

import json
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

from bus.errors import RefusedError
from bus.schema.forms import Described

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 60
# A revision from before this package has the classes all the same: its messages are described
# without it.
_DESCRIBE = """
import json, sys
from typing import get_args
from bus.messages.envelope import CommandEnvelope
from bus.messages.outcome import Outcome
from bus.messages.registry import AnyCommand, AnyEvent
kinds = {"event": get_args(get_args(AnyEvent)[0]), "command": get_args(get_args(AnyCommand)[0]),
         "carrier": (CommandEnvelope, Outcome)}
def described(kind, one):
    since = getattr(one, "readable_since", None)
    return [one.__name__, kind, one.schema_version, since, one.model_json_schema()]
json.dump([described(kind, one) for kind, all_of_it in kinds.items() for one in all_of_it], sys.stdout)
"""


def at_revision(revision: str) -> dict[str, Described]:
    """Return the messages of a revision, by name.

    Raises:
        RefusedError: this is no git checkout, there is no such revision, or its messages lie
            elsewhere.

    """
    with tempfile.TemporaryDirectory(prefix="twofold-schema-") as folder:
        _extract(revision, Path(folder))
        described = subprocess.run(  # noqa: S603 - our own code, of another revision
            [sys.executable, "-c", _DESCRIBE],
            cwd=folder,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    if described.returncode != 0:
        last = described.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise RefusedError(f"the messages of {revision} cannot be described: {''.join(last)}")
    return {one.name: one for one in map(_described, json.loads(described.stdout))}


def _described(one: list[Any]) -> Described:
    name, kind, version, readable_since, schema = one
    return Described.of(name, kind, version, schema, readable_since)


def _extract(revision: str, folder: Path) -> None:
    try:
        archive = subprocess.run(  # noqa: S603 - the revision is one argument, and no option
            ["git", "archive", "--end-of-options", revision, "bus"],  # noqa: S607 - whichever git there is
            cwd=ROOT,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        raise RefusedError("git is not there, and so no other revision") from None
    if archive.returncode != 0:
        raise RefusedError(f"{revision}: {archive.stderr.decode(errors='replace').strip()}")
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
