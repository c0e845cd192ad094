"""Node.js and npm, where this machine has them; what npm installs stays in the folder that it is told."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

MISSING = "no Node.js with npm is here: apt-get install nodejs npm"
INSTALL_S = 300
RUN_S = 240

_AWAY = (
    *("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "EIDLETIMEOUT", "ENETUNREACH"),
    *("E403", "E407", "E502", "E503", "E504"),  # of a proxy
)
"""What npm says if the registry cannot be reached."""


def there() -> bool:
    """Whether what needs Node.js can run."""
    return shutil.which("node") is not None and shutil.which("npm") is not None


class RegistryAwayError(Exception):
    """The npm registry cannot be reached."""


def install(folder: Path) -> None:
    """Install what the folder's lock names, to the version and the hash, without any package's own scripts.

    Raises:
        RegistryAwayError: the registry cannot be reached.
        AssertionError: npm failed otherwise.

    """
    command = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--cache", str(folder / ".npm"))
    try:
        done = _run(command, folder, INSTALL_S)
    except subprocess.TimeoutExpired:
        raise RegistryAwayError(f"npm took longer than {INSTALL_S} s") from None
    if done.returncode and any(code in done.stderr for code in _AWAY):
        raise RegistryAwayError(done.stderr.strip().splitlines()[0])
    assert done.returncode == 0, done.stdout + done.stderr


def run(folder: Path, program: str, *arguments: str) -> str:
    """What a program of Node's prints, or one of those installed in the folder."""
    installed = folder / "node_modules" / ".bin" / program
    done = _run((str(installed) if installed.exists() else program, *arguments), folder, RUN_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _run(command: Sequence[str], folder: Path, timeout: float) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "NO_UPDATE_NOTIFIER": "1"}
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=timeout, check=False
    )
