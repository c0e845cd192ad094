"""Chooses a server's program: the first that runs here and is new enough.

It asks a program for its version before use. So a program for another system, or one that lacks a
library, is passed over with a reason; otherwise it would fail later with a riddle.
"""

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from bus.errors import ServerUnavailableError

VERSION = re.compile(r"\bv=?(\d+)\.(\d+)")  # "Redis server v=7.0.15 ...", "db version v6.0.5"
VERSION_TIMEOUT_S = 20.0


def on_path(*names: str) -> Iterator[Path]:
    """Yield the programs of these names that PATH has."""
    for name in names:
        found = shutil.which(name)
        if found is not None:
            yield Path(found).resolve()


def choose(programs: Iterable[Path], at_least: tuple[int, int], advice: str) -> Path:
    """Return the first usable program.

    Raises:
        ServerUnavailableError: there is none; it says why each was passed over, then ``advice``.

    """
    passed_over = []
    for program in programs:
        flaw = _flaw(program, at_least)
        if flaw is None:
            return program
        passed_over.append(f"{program} {flaw}")
    raise ServerUnavailableError("; ".join([*passed_over, advice]))


def _flaw(program: Path, at_least: tuple[int, int]) -> str | None:
    try:
        asked = subprocess.run(  # noqa: S603 - the path is PATH's or a wheel's
            [program, "--version"], capture_output=True, text=True, timeout=VERSION_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not run here ({error})"
    version = VERSION.search(asked.stdout)
    if version is None:
        lines = asked.stderr.strip().splitlines() or ["it tells no version"]
        return f"does not run here ({lines[-1]})"
    if (int(version[1]), int(version[2])) < at_least:
        return f"is older than {'.'.join(map(str, at_least))}"
    return None
