"""What went wrong is mended by its button."""

import re
from collections.abc import Iterator

import pytest

from read_side.projections import READ_MODELS
from read_side.rebuild.rebuild_requests import COLLECTION as REQUESTS
from tests.browser.browser import PATIENCE_S, Browser
from tests.browser.watched_shop import DONE, Shop
from tests.support.system import System
from tests.support.waiting import until

COUNTING = sorted(model.name for model in READ_MODELS if model.sources is None)
"""Those that only a rebuild can mend, as the dashboard lists them."""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Whose commands' worker cannot decide about a product that is called ``raises``."""
    folder = tmp_path_factory.mktemp("faulty")
    faulty = {"commands": f"exec python -m tests.support.faulty_worker {folder}"}
    with System(faulty, MAX_ATTEMPTS="1") as running:
        yield running


def row(what: str) -> str:
    return f"tr:has([aria-label='{what}'])"


def test_parked_orders_are_retried_at_once_in_every_read_model(
    browser: Browser, shop: Shop, operator: str
) -> None:
    first, second = (f"order-{shop.parked_order()}" for _ in range(2))
    browser.open(token=operator)
    for stream in (first, second):
        browser.until_text(row(f"Retry {stream}"), f"{len(READ_MODELS)} read models", "UnknownMessageError")
    assert len(browser.all("#parked tbody tr")) == 2
    browser.until_text("#attention", "2 parked streams")
    browser.until_text(".model[data-model=order_detail]", "2 parked")
    browser.click(f"{row(f'Retry {first}')} summary")
    browser.until_text(row(f"Retry {first}"), "order_summary g1: partition")
    browser.click("#parked .batch input")
    browser.until_text("#parked .batch", "2 of 2 parked streams chosen")
    browser.keep_screenshots("parked")

    browser.click("[aria-label='Retry the chosen parked streams']")
    browser.until_text("#saying", f"{', '.join(COUNTING)} to be rebuilt")
    browser.until_text(".model[data-model=order_detail]", "well")
    browser.click(f"[aria-label='Rebuild what has parked {first}']")
    browser.until_text("dialog", f"Rebuild {' and '.join(COUNTING)}?")
    browser.click("dialog button[type=button]")
    browser.open(f"/ops#story/{first.removeprefix('order-')}")
    browser.until_text(".shows[data-model=order_detail]", "up to date", first.removeprefix("order-"))


def test_failed_commands_are_retried_and_then_discarded(
    browser: Browser, shop: Shop, system: System, operator: str
) -> None:
    for name in ("cup", "jug"):
        body = {"product_id": name, "name": "raises", "unit_price": 100, "currency": "EUR"}
        assert system.client("staff", "sam").post("/products", json=body, headers=DONE).status_code == 500
    commands = system.write_database.commands
    # The log tells their caller that they failed; the inbox may tell it a moment later.
    until(lambda: commands.count_documents({"status": "failed"}) == 2, PATIENCE_S, "both kept as failed")
    first, second = (one["_id"] for one in commands.find({"status": "failed"}))
    browser.open(token=operator)
    browser.until_text(row(f"Retry {first}"), "AddProduct", "a decision that cannot be made")

    browser.click(f"[aria-label='Retry {first}']")
    browser.until_text("dialog", first)
    browser.press("once more")
    browser.click("dialog button[type=submit]")
    browser.until_text("#saying", f"{first}: accepted again")
    retried = {"_id": first, "status": "failed", "resolutions.0.reason": "once more"}
    until(lambda: commands.find_one(retried), PATIENCE_S, "it failed again")

    browser.until_text("#dead .batch", "Choose all 2 dead letters")
    browser.click("#dead .batch input")
    browser.keep_screenshots("dead")
    browser.click("[aria-label='Discard the chosen dead letters']")
    browser.until_text("dialog", "Discard 2 dead letters?")
    browser.press("nobody wants it")
    browser.keep_screenshots("discard")
    browser.click("dialog button[type=submit]")
    browser.until_text("#saying", "2 of 2: discarded")
    browser.until_text("#dead", "There are none")
    discarded = {"_id": {"$in": [first, second]}, "discarded": {"$exists": True}}
    assert commands.count_documents(discarded) == 2


def test_a_read_model_is_rebuilt_with_its_progress_told(
    browser: Browser, shop: Shop, system: System, operator: str
) -> None:
    model = row("Rebuild customers")
    browser.open(token=operator)
    before = re.search(r"\bg(\d+)", browser.text(model))
    assert before is not None

    browser.click("[aria-label='Rebuild customers']")
    browser.until_text("dialog", "Rebuild customers?")
    browser.click("dialog button[type=button]")
    browser.until_gone("dialog")
    assert system.read_database[REQUESTS].count_documents({}) == 0

    browser.script(_WATCH)
    browser.click("[aria-label='Rebuild customers']")
    browser.click("dialog button[type=submit]")
    browser.until_text("#saying", "customers: ✓ rebuilt")
    browser.until_text(model, "✓ rebuilt", "difference", f"g{int(before.group(1)) + 1}")
    assert browser.script("return document.progressWasSeen")
    assert system.read_database[REQUESTS].count_documents({"_id": "customers"}) == 1
    browser.keep_screenshots("rebuilt")


_WATCH = """
const progress = document.querySelector("progress[aria-label='Rebuild of customers']");
new MutationObserver(() => {
  document.progressWasSeen ||= !progress.hidden;
}).observe(progress, { attributes: true });
"""
