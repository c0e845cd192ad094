"""Two processes that project: they share the partitions, and one that is killed is replaced by the other."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.system import System
from tests.support.waiting import until

pytestmark = pytest.mark.alone

PATIENCE_S = 60.0
LINE = "exec python -m read_side worker"
PARTITIONS = 4


@pytest.fixture
def system() -> Iterator[System]:
    with System({"projections": LINE, "other": LINE}, LEASE_MS="3000") as running:
        yield running


def _shares(system: System) -> dict[str, int]:
    """The partitions of each process, all read models together."""
    held = system.read_database.checkpoints.find({"$expr": {"$gt": ["$expires_at", "$$NOW"]}})
    partitions = {(one["owner"], one["partition"]) for one in held}
    return dict(Counter(owner for owner, _ in partitions))


def _order(system: System, number: int) -> None:
    order = {
        "customer_id": f"c{number}",
        "items": [{"product_id": "p1", "quantity": 1}],
        "shipping_address": {"line1": "1 Lane", "city": "Oslo", "country": "NO"},
    }
    answer = system.client("staff").post("/orders", json=order)
    assert answer.status_code == 202, answer.text


def test_one_that_is_killed_with_its_leases_is_replaced(system: System) -> None:
    staff = system.client("staff")
    product = {"product_id": "p1", "name": "Tea", "unit_price": 5, "currency": "EUR"}
    staff.post("/products", json=product).raise_for_status()
    for number in range(8):
        customer = {"customer_id": f"c{number}", "name": "Ann", "email": "ann@example.org"}
        staff.post("/customers", json=customer).raise_for_status()
    until(lambda: sorted(_shares(system).values()) == [2, 2], PATIENCE_S, "each has half of the partitions")
    for number in range(8):
        _order(system, number)
    system.processes["other"].kill()
    for number in range(8):
        _order(system, number)
    until(lambda: list(_shares(system).values()) == [PARTITIONS], PATIENCE_S, "one has all of them")
    system.until_quiet()
    assert system.read_database.order_detail.count_documents({"placed_at": {"$exists": True}}) == 16
    audited = system.run("read_side", "audit")
    assert audited.returncode == 0, audited.stdout
