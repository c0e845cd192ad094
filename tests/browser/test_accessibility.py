"""Nobody is kept out: each part of the dashboard, in each look, and the check itself."""

import pytest

from tests.browser.accessibility import barriers
from tests.browser.browser import LOOKS, PHONE, USUAL, Browser
from tests.browser.watched_shop import Shop


@pytest.fixture(scope="module")
def order(shop: Shop) -> str:
    """One that is parked, so that there is something of everything."""
    return shop.parked_order()


@pytest.mark.parametrize("look", [USUAL, f"{PHONE}-dark"])
def test_nothing_on_the_dashboard_is_a_barrier(
    browser: Browser, order: str, operator: str, look: str
) -> None:
    browser.look_like(look)
    browser.open()
    assert barriers(browser) == []

    browser.open(token=operator)
    for part in ("#queues", "#read-models", "#commands", "#parked"):  # nothing moves once all are there
        browser.until_text(f"{part} tbody", "order")
    browser.click("#queues summary")
    browser.click("#read-models summary")
    browser.until_text("#read-models details tbody", "order_detail")
    assert barriers(browser) == []
    assert browser.size[0] <= LOOKS[look][0], "nothing sticks out sideways"

    browser.click("[aria-label='Rebuild customers']")
    browser.until_text("dialog", "customers")
    assert barriers(browser) == []
    browser.click("dialog button[type=button]")

    browser.open(f"/ops#story/{order}")
    browser.until_text(".shows", "order")
    assert barriers(browser) == []


def test_less_motion_is_given_to_who_asks_for_it(browser: Browser, order: str, operator: str) -> None:
    browser.open(token=operator)
    browser.until_text("#flow", "order_detail")
    moving = "return getComputedStyle(document.querySelector('.stage'), '::before').animationName"
    assert browser.script(moving) == "flowing"
    browser.prefer("prefers-reduced-motion", "reduce")
    assert browser.script(moving) == "none"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("document.querySelector('#leave').textContent = ''", "button-name"),
        ("document.querySelector('h1').style.color = 'rgb(160, 160, 160)'", "color-contrast"),
    ],
)
def test_a_barrier_is_found(browser: Browser, order: str, operator: str, change: str, found: str) -> None:
    browser.open(token=operator)
    browser.until_text("#queues", "commands")
    browser.script(change)
    assert found in "\n".join(barriers(browser))
