"""What the image does, without a container: installed from the locks, run unprivileged on a read-only tree.

Every line starts, an order is placed and shown, and every line stops. Where the package index cannot be
reached this is left out, and the end of the run says why.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.e2e.every_request import make_known
from tests.support.deployed import LINES, PACKAGES, Deployed, NotInstallableError, Place, installed
from tests.support.plain_http import NO_TLS
from tests.support.processes import STOP_S
from tests.support.promised import promised

TIMEOUT_S = 900
ASK_S = 30
STOPPED_S = 10.0


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with ExitStack() as stack:
        try:
            place = stack.enter_context(installed())
        except NotInstallableError as error:
            pytest.skip(f"not run, since nothing can be installed here: {error}")
        yield place


def files(root: Path) -> set[str]:
    """The files of the packages, by their paths from where the packages are."""
    found = (path for package in PACKAGES for path in (root / package).rglob("*") if path.is_file())
    return {str(path.relative_to(root)) for path in found if path.suffix != ".pyc"}


@pytest.mark.timeout(TIMEOUT_S)
def test_what_is_installed_is_the_code_and_nobody_may_change_it(place: Place) -> None:
    assert files(place.site_packages) == files(place.tree)
    for folder in (place.prefix, place.site_packages / "bus", place.tree):
        assert place.run("touch", folder / "new", timeout=ASK_S).returncode == 1
    assert shutil.which("pip", path=str(place.prefix / "bin")) is None
    again = place.run("sh", place.tree / "deploy" / "install.sh", place.prefix, timeout=ASK_S)
    assert (again.returncode, "is not empty" in again.stderr) == (1, True)


@pytest.mark.timeout(TIMEOUT_S)
def test_every_line_starts_takes_part_in_an_order_and_stops(place: Place) -> None:
    with Deployed(place) as system:
        known = make_known(system.client("staff"), "boot")
        listed = system.client("staff").get(f"/orders?customer_id={known.customer_id}").raise_for_status()
        assert [order["order_id"] for order in listed.json()["orders"]] == [known.order_id]
        for page in ("/ops", "/docs"):
            answer = httpx.get(system.url + page, timeout=ASK_S, trust_env=False, verify=NO_TLS)
            assert answer.raise_for_status().headers["Content-Type"].startswith("text/html")

        with promised(STOPPED_S, "the stop"):
            for process in system.processes.values():
                process.terminate()
            ended = {name: process.ended(STOP_S) for name, process in system.processes.items()}
        assert ended == dict.fromkeys(LINES, 0), system.told()
        assert "Read-only" not in system.told()
        assert "Permission" not in system.told()
