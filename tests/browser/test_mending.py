"""What went wrong is mended by its button."""

import re
from collections.abc import Iterator

import pytest

from read_side.rebuild.rebuild_requests import COLLECTION as REQUESTS
from tests.browser.browser import PATIENCE_S, Browser
from tests.browser.shop import DONE, Shop
from tests.support.system import System
from tests.support.waiting import until


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Whose commands' worker cannot decide about a product that is called ``raises``."""
    folder = tmp_path_factory.mktemp("faulty")
    faulty = {"commands": f"exec python -m tests.support.faulty_worker {folder}"}
    with System(faulty, MAX_ATTEMPTS="1") as running:
        yield running


def row(what: str) -> str:
    return f"tr:has([aria-label='{what}'])"


def test_a_parked_stream_is_retried(browser: Browser, shop: Shop, operator: str) -> None:
    order_id = shop.parked_order()
    what = f"Retry order-{order_id} in order_detail"
    browser.open(token=operator)
    browser.until_text(row(what), "order_detail", order_id)
    browser.until_text("#attention", "parked stream")
    browser.until_text(".model[data-model=order_detail]", "1 parked")
    browser.keep_screenshots("parked")

    browser.click(f"[aria-label='{what}']")
    browser.until_gone(f"[aria-label='{what}']")
    browser.until_text(".model[data-model=order_detail]", "well")
    browser.open(f"/ops#story/{order_id}")
    browser.until_text(".shows[data-model=order_detail]", "up to date", order_id)


def test_a_failed_command_is_retried_and_then_discarded(
    browser: Browser, shop: Shop, system: System, operator: str
) -> None:
    body = {"product_id": "cup", "name": "raises", "unit_price": 100, "currency": "EUR"}
    failed = system.client("staff", "sam").post("/products", json=body, headers=DONE)
    assert failed.status_code == 500
    commands = system.write_database.commands
    command_id = commands.find_one({"status": "failed"})["_id"]  # type: ignore[index]  # else it fails
    browser.open(token=operator)
    browser.until_text(row(f"Retry {command_id}"), "AddProduct", "a decision that cannot be made")
    browser.keep_screenshots("dead")

    browser.click(f"[aria-label='Retry {command_id}']")
    browser.until_text("dialog", command_id)
    browser.press("once more")
    browser.click("dialog button[type=submit]")
    browser.until_text("#saying", command_id)
    retried = {"_id": command_id, "status": "failed", "resolutions.0.reason": "once more"}
    until(lambda: commands.find_one(retried), PATIENCE_S, "it failed again")

    browser.click(f"[aria-label='Discard {command_id}']")
    browser.until_text("dialog", "Discard")
    browser.press("nobody wants it")
    browser.keep_screenshots("discard")
    browser.click("dialog button[type=submit]")
    browser.until_gone(f"[aria-label='Discard {command_id}']")
    browser.until_text("#dead", "There are none")
    assert commands.count_documents({"_id": command_id, "discarded": {"$exists": True}}) == 1


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
