"""schemathesis asks the running service whatever its description allows, and what it does not.

By every role: examples, the limits of every parameter and field, at random, and along the links from one
answer to the next (place an order, read it, change its status). With all checks on there is no 5xx, and
every answer is as described. ``make schemathesis`` asks more than 10,000 times.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from api.demo.examples import CUSTOMER, PRODUCT
from api.openapi.examples import CUSTOMER_ID
from tests.support.processes import ROOT
from tests.support.system import System

CONFIG = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "3"))
"""How often each operation is asked at random; how often otherwise follows from the description."""
FEWEST = 300
"""Cases per role: with fewer something was left out."""
TIMEOUT_S = 900

ROLES = {"customer": CUSTOMER_ID, "staff": "sam", "ops": "olga", "nobody": None}


class Asking(NamedTuple):
    """A running ``schemathesis``, where its report will be, and what it prints."""

    process: subprocess.Popen[bytes]
    report: Path
    output: Path


@pytest.fixture(scope="module")
def shop() -> Iterator[System]:
    """A system of its own, in which the description's examples of an order can be placed."""
    with System() as system:
        staff = system.client("staff")
        visible = {"Prefer": "wait=30, visible"}
        staff.post("/customers", json=CUSTOMER, headers=visible).raise_for_status()
        staff.post("/products", json=PRODUCT, headers=visible).raise_for_status()
        yield system


@pytest.fixture(scope="module")
def asking(shop: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Asking]]:
    """One ``schemathesis`` for each role, all at the same time: mostly they wait."""
    folder = tmp_path_factory.mktemp("schemathesis")
    with ExitStack() as running:
        yield {role: running.enter_context(ask(shop, role, folder)) for role in ROLES}


@contextmanager
def ask(system: System, role: str, folder: Path) -> Iterator[Asking]:
    """``schemathesis`` as one role, killed if it has not ended by itself."""
    subject, report, output = ROLES[role], folder / f"{role}.json", folder / f"{role}.txt"
    authorization = [] if subject is None else ["-H", f"Authorization: Bearer {system.token(role, subject)}"]
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG)),
        *("run", f"{system.url}/openapi.json", "--max-examples", str(EXAMPLES)),
        *("--report", "json", "--report-json-path", str(report), "--no-color", *authorization),
    ]
    with output.open("wb") as told:
        process = subprocess.Popen(command, cwd=ROOT, stdout=told, stderr=subprocess.STDOUT)
    try:
        yield Asking(process, report, output)
    finally:
        process.kill()
        process.wait()


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("role", ROLES)
def test_every_answer_is_as_described(
    asking: dict[str, Asking], role: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asking[role].process.wait(TIMEOUT_S)

    output = asking[role].output.read_text()
    assert asking[role].report.exists(), output
    report = json.loads(asking[role].report.read_text())
    cases = report["test_cases"]
    with capsys.disabled():
        print(f"\n  {role}: {cases['generated']} cases, {cases['with_failures']} with failures")  # noqa: T201
    assert (cases["with_failures"], cases["errored"], report["errors"]) == (0, 0, []), output
    phases = {phase: how["status"] for phase, how in report["phases"].items()}
    assert phases == dict.fromkeys(("examples", "coverage", "fuzzing", "stateful"), "success"), output
    assert report["operations"]["tested"] == report["operations"]["total"]
    assert cases["generated"] >= FEWEST


def test_afterwards_nothing_has_failed_and_everything_is_shown(shop: System) -> None:
    shop.until_quiet()

    assert shop.write_database.commands.count_documents({"status": "failed"}) == 0
    assert shop.read_database.parked.count_documents({}) == 0
