"""openapi-python-client in an environment of its own, since it wants an older typer than the project has."""

import os
import subprocess
import sys
import venv
from pathlib import Path

INSTALL_S = 300
RUN_S = 240

_AWAY = (
    *("ConnectionError", "ConnectTimeout", "ReadTimeout", "NameResolutionError", "ProxyError"),
    "No matching distribution found",  # an index that mirrors a part
)
"""What pip says if the package index cannot be reached."""


class IndexAwayError(Exception):
    """The package index cannot be reached."""


def pip(folder: Path, lock: Path, *command: str, python: str | Path = sys.executable) -> None:
    """Run a command of pip on what a lock names.

    Raises:
        IndexAwayError: the package index cannot be reached.
        AssertionError: pip failed otherwise.

    """
    line = [str(python), "-m", "pip", *command, "--quiet", "--disable-pip-version-check"]
    try:
        done = _run([*line, "--require-hashes", "--requirement", str(lock)], folder, INSTALL_S)
    except subprocess.TimeoutExpired:
        raise IndexAwayError(f"pip took longer than {INSTALL_S} s") from None
    if done.returncode and any(error in done.stderr for error in _AWAY):
        raise IndexAwayError(done.stderr.strip().splitlines()[0])
    assert done.returncode == 0, done.stdout + done.stderr


class Generator:
    """Installed in a folder from a lock."""

    def __init__(self, folder: Path, lock: Path) -> None:
        """Install it.

        Raises:
            IndexAwayError: the package index cannot be reached.
            AssertionError: pip failed otherwise.

        """
        self._programs = folder / "bin"
        venv.create(folder, with_pip=True, symlinks=True)
        pip(folder, lock, "install", python=self._programs / "python")

    def generate(self, description: Path, package: Path) -> None:
        """Make a package; anything that the generator warns of, such as a part left out, is an error."""
        command = [str(self._programs / "openapi-python-client"), "generate", "--fail-on-warning"]
        done = _run(
            [*command, "--path", str(description), "--meta", "none", "--output-path", str(package)],
            package.parent,
            RUN_S,
            PATH=os.pathsep.join([str(self._programs), os.environ.get("PATH", os.defpath)]),  # for its ruff
        )
        assert done.returncode == 0, done.stdout + done.stderr


def run_module(folder: Path, module: str, *arguments: str) -> str:
    """What a module prints that the project's own interpreter runs in a folder."""
    done = _run([sys.executable, "-m", module, *arguments], folder, RUN_S)
    assert done.returncode == 0, f"{module}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _run(
    command: list[str], folder: Path, timeout: float, **variables: str
) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, **variables}
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=timeout, check=False
    )
