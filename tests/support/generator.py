"""Programs in environments of their own: openapi-python-client, since it wants an older typer, and others."""

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


def install(folder: Path, lock: Path) -> Path:
    """Make an environment with what a lock names; return the folder of its programs.

    Raises:
        IndexAwayError: the package index cannot be reached.
        AssertionError: pip failed otherwise.

    """
    venv.create(folder, symlinks=True)
    programs = folder / "bin"
    pip = [sys.executable, "-m", "pip", "--python", str(programs / "python"), "install", "--no-compile"]
    quietly = ("--quiet", "--disable-pip-version-check")
    try:
        done = _run([*pip, *quietly, "--require-hashes", "--requirement", str(lock)], folder, INSTALL_S)
    except subprocess.TimeoutExpired:
        raise IndexAwayError(f"pip took longer than {INSTALL_S} s") from None
    if done.returncode and any(error in done.stderr for error in _AWAY):
        raise IndexAwayError(done.stderr.strip().splitlines()[0])
    assert done.returncode == 0, done.stdout + done.stderr
    return programs


class Generator:
    """openapi-python-client, installed in a folder from a lock."""

    def __init__(self, folder: Path, lock: Path) -> None:
        """Install it; raises as ``install``."""
        self._programs = install(folder, lock)

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
