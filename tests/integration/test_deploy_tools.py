"""Programs that know the formats of ``deploy/`` find nothing wrong in its files.

hadolint, Docker Compose and kubernetes-validate come from the package index, and where it cannot be reached
their tests are left out. So are those of kubectl and systemd-analyze where these programs are not installed.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.generator import IndexAwayError, install
from tests.support.processes import ROOT

DEPLOY = ROOT / "deploy"
ASK_S = 120
INSTALL_S = 600


def run(*command: str | Path) -> str:
    """What a program prints, which has to end well."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=ASK_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return install(tmp_path_factory.mktemp("checkers") / "venv", DEPLOY / "requirements-check.txt")
    except IndexAwayError as error:
        pytest.skip(f"not run, since the package index cannot be reached: {error}")


def installed(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"not run, since there is no {name} here")
    return found


@pytest.mark.timeout(INSTALL_S)
def test_the_containerfile(programs: Path) -> None:
    assert run(programs / "hadolint", DEPLOY / "Containerfile") == ""


@pytest.mark.timeout(INSTALL_S)
def test_compose(programs: Path, tmp_path: Path) -> None:
    """It warns of a variable that is not set, and refuses a key that it does not know."""
    values = re.sub(r"=$", "=5ec2e7", (DEPLOY / "compose.env.example").read_text(), flags=re.MULTILINE)
    environment = tmp_path / "env"
    environment.write_text(values)
    compose = (programs / "docker-compose", "--file", DEPLOY / "compose.yaml", "--env-file", environment)
    assert run(*compose, "config", "--quiet") == ""


@pytest.mark.timeout(INSTALL_S)
def test_kubernetes_takes_every_manifest(programs: Path) -> None:
    """In the newest version that the validator knows."""
    manifests = sorted((DEPLOY / "kubernetes" / "base").glob("[!k]*.yaml"))
    told = run(programs / "kubernetes-validate", "--strict", *manifests)
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
