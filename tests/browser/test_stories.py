"""One order's whole story, found by its id."""

from selenium.webdriver.common.keys import Keys

from read_side.projections import READ_MODELS
from tests.browser.browser import Browser
from tests.browser.watched_shop import Shop

OF_AN_ORDER = {"order_summary", "order_detail"}


def find(browser: Browser, identity: str) -> None:
    browser.click("#wanted")
    browser.replace_with(identity, Keys.ENTER)


def test_an_order_is_followed(browser: Browser, shop: Shop, operator: str) -> None:
    order_id, command_id = shop.order(Prefer="wait=30, visible", **{"X-Correlation-Id": "told-by-the-test"})
    shop.confirm(order_id)
    browser.open(token=operator)
    find(browser, order_id)

    browser.until_text("#story-title", "Order", order_id)
    assert browser.address.endswith(f"#story/{order_id}")
    browser.until_text(".commands", "PlaceOrder", "succeeded", command_id, "told-by-the-test", "staff sam")
    browser.until_text(
        ".commands", "Version 1", "OrderPlaced", "ChangeOrderStatus", "Version 2", "OrderConfirmed"
    )
    for name in OF_AN_ORDER:
        browser.until_text(f".shows[data-model={name}]", "up to date")
    browser.until_text(".whole", "every read model is up to date")
    browser.until_text(".shows[data-model=order_detail] pre", '"confirmed"', '"Teapot"')
    told = set(
        browser.script("return [...document.querySelectorAll('.shows')].map((one) => one.dataset.model)")
    )
    assert OF_AN_ORDER <= told <= {model.name for model in READ_MODELS}
    browser.keep_screenshots("story")

    browser.click(f".commands a[href='#story/{command_id}']")
    browser.until_text("#story-title", "Command", command_id)
    browser.until_text(".commands", "PlaceOrder", "OrderPlaced")
    browser.click(".commands a[href='#story/ann']")
    browser.until_text("#story-title", "Customer", "ann")
    browser.until_text(".shows[data-model=customers]", "up to date")


def test_a_customer_is_found_by_the_id_that_its_identity_provider_gives(
    browser: Browser, shop: Shop, operator: str
) -> None:
    for identity in ("auth0|5f7c8ec7c33c6c004bbafe82", "ann+shop@example.com"):
        shop.register(identity)
        browser.open(token=operator)
        find(browser, identity)
        browser.until_text("#story-title", "Customer", identity)
        browser.until_text(".commands", "CustomerRegistered")
        browser.click(".whole a")
        browser.until_text(".whole", f"customer-{identity}")
        browser.until_text("#story-title", "Customer", identity)


def test_a_story_that_is_linked_opens_with_the_page_and_goes_on(
    browser: Browser, shop: Shop, operator: str
) -> None:
    order_id, _ = shop.order(Prefer="wait=30, visible")
    browser.open(f"/ops#story/{order_id}", token=operator)
    browser.until_text(".commands", "OrderPlaced")
    assert "OrderConfirmed" not in browser.text(".commands")
    shop.confirm(order_id)
    browser.until_text(".commands", "OrderConfirmed")
    browser.click(".back a")
    browser.until_text("#flow", "Read models")
