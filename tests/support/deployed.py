"""Twofold as the image has it: installed by ``deploy/install.sh``, run by a user that may write nowhere.

Where root runs the tests, that is another user, as in the image.
"""

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bus.settings import Settings
from tests.support.processes import ROOT, Process
from tests.support.system import System

INSTALL_S = 600
ASK_S = 30
USER = 65_534
"""``nobody``, whom every system has; what the image calls its user makes no difference."""
PACKAGES = ("bus", "write_side", "read_side", "api")
INSTALLED_FROM = ("pyproject.toml", "README.md", "LICENSE", "Procfile", "deploy", *PACKAGES)
LINES = {
    name: re.sub(r"exec python -m (\w+)", lambda match: f"twofold-{match[1].replace('_', '-')}", command)
    for name, _, command in (line.partition(": ") for line in (ROOT / "Procfile").read_text().splitlines())
}
"""The Procfile's lines, as they are where the wheel is installed: ``twofold-api serve`` and so on."""

_PYTHONS = ("python3", "python3.11", "python3.12", "python3.13")
_FITS = "import pip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))"
_AWAY = re.compile(
    r"ConnectionError|ConnectTimeout|ReadTimeout|NameResolutionError|ProxyError|No matching distribution"
    r"|Failed to fetch|Failed to download|error sending request|dns error"
)
"""What pip and uv say if the package index cannot be reached."""


class NotInstallableError(Exception):
    """Something is missing here that installing needs: an index of packages, or a Python for everybody."""


class Place:
    """A folder of the unprivileged user's, with Twofold installed in ``prefix``."""

    def __init__(self, folder: Path) -> None:
        self.tree, self.prefix = folder / "tree", folder / "prefix"
        self._home, self._tmp = folder / "home", folder / "tmp"
        for own in (self._home, self._tmp, self.prefix):
            own.mkdir()
        if os.geteuid() == 0:
            for own in (folder, self._home, self._tmp, self.prefix):
                os.chown(own, USER, USER)

    @property
    def environ(self) -> dict[str, str]:
        """As little as the image has."""
        path = os.pathsep.join([str(self.prefix / "bin"), os.defpath])
        own = {"PATH": path, "HOME": str(self._home), "TMPDIR": str(self._tmp)}
        return own | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}

    @property
    def site_packages(self) -> Path:
        (found,) = self.prefix.glob("lib/python3.*/site-packages")
        return found

    def command(self, line: str) -> str:
        """The line of a shell that becomes the user and runs a line of ``LINES``."""
        return f"cd {self._home} && exec {' '.join(_as_user())} {self.prefix / 'bin'}/{line}"

    def run(self, *command: str | Path, timeout: float, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command as the user, to its end."""
        return subprocess.run(
            [*_as_user(), *command],
            cwd=self._home,
            env={**self.environ, **variables},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def install(self) -> None:
        """Install, and let nobody write to what is installed or to what it came from.

        Raises:
            NotInstallableError: the index cannot be reached, or no Python here is for everybody.
            AssertionError: it failed otherwise.

        """
        ignore = shutil.ignore_patterns("__pycache__")
        self.tree.mkdir()
        for part in (ROOT / name for name in INSTALLED_FROM):
            if part.is_dir():
                shutil.copytree(part, self.tree / part.name, ignore=ignore, symlinks=True)
            else:
                shutil.copy(part, self.tree)
        _forbid_writing(self.tree)
        index = {
            name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_"))
        }
        script = self.tree / "deploy" / "install.sh"
        try:
            done = self.run(
                "sh", script, self.prefix, timeout=INSTALL_S, **{**index, "PYTHON": self._python()}
            )
        except subprocess.TimeoutExpired:
            raise NotInstallableError(f"it took longer than {INSTALL_S} s") from None
        if done.returncode and _AWAY.search(done.stderr):
            raise NotInstallableError(done.stderr.strip().splitlines()[-1])
        assert done.returncode == 0, done.stdout + done.stderr
        _forbid_writing(self.prefix)

    def _python(self) -> str:
        """The first that the user may run: a version manager's is often in root's own home."""
        base = Path(sys.base_prefix) / "bin" / "python3"
        for python in (str(base), *filter(None, (shutil.which(name, path=os.defpath) for name in _PYTHONS))):
            try:
                if self.run(python, "-c", _FITS, timeout=ASK_S).returncode == 0:
                    return python
            except (OSError, subprocess.TimeoutExpired):
                continue
        raise NotInstallableError("no Python 3.11 to 3.13 with pip that another user may run")


class Deployed(System):
    """The whole system, of what is installed in a place."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place

    def _environ(self, port: int) -> dict[str, str]:
        configured = super()._environ(port)
        return {
            n: v for n, v in configured.items() if n.lower() in Settings.model_fields
        } | self._place.environ

    def _processes(self, folder: Path) -> dict[str, Process]:
        return {
            name: Process(name, self._place.command(line), self.environ, folder / f"{name}.log")
            for name, line in LINES.items()
        }


@contextmanager
def installed() -> Iterator[Place]:
    """A place with Twofold in it; gone afterwards. Raises as ``Place.install``."""
    with TemporaryDirectory(prefix="twofold-installed-") as folder:
        place = Place(Path(folder))
        try:
            place.install()
            yield place
        finally:
            for tree in (place.tree, place.prefix):
                _set_modes(tree, lambda mode: mode | stat.S_IWUSR)


def _as_user() -> list[str]:
    """What makes a command one of the user's; the signal at its parent's death would be lost otherwise."""
    if os.geteuid() != 0:
        return []
    who = ("--reuid", str(USER), "--regid", str(USER), "--clear-groups", "--no-new-privs")
    # setpriv finds its program with root's rights: by way of env, the user has to find it.
    return ["setpriv", *who, "--bounding-set=-all", "--pdeathsig", "KILL", "env"]


def _forbid_writing(tree: Path) -> None:
    _set_modes(tree, lambda mode: mode & ~0o222 | 0o444 | (mode & 0o100 and 0o111))


def _set_modes(tree: Path, change: Callable[[int], int]) -> None:
    """Change the modes of a folder, if it is there, and of everything in it but symbolic links."""
    for folder, _, files in os.walk(tree):
        for path in (Path(folder), *(Path(folder, name) for name in files)):
            if not path.is_symlink():
                path.chmod(change(stat.S_IMODE(path.stat().st_mode)))
