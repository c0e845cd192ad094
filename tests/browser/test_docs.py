"""``/docs`` as somebody uses it who wants to try the API: the page that the service makes of itself."""

import pytest

from api.demo.examples import CUSTOMER, PRODUCT
from tests.browser.browser import Browser
from tests.support.system import System
from tests.support.waiting import until

PATIENCE_S = 40.0
PLACE, LIST = "#operations-orders-placeOrder", "#operations-customers-listCustomers"
SHOWN = "return [...document.querySelectorAll('.opblock')].map((each) => each.id)"
KEPT = "return [localStorage.length, sessionStorage.length, document.cookie]"


@pytest.fixture
def docs(browser: Browser) -> Browser:
    """The page, with every operation on it."""
    browser.open("/docs")
    browser.until_text(PLACE, "/orders", "Place an order")
    return browser


@pytest.fixture(scope="module")
def examples(system: System) -> None:
    """What the description's examples name, as ``make demo`` makes it."""
    staff = system.client("staff", "sam")
    for path, body in (("/customers", CUSTOMER), ("/products", PRODUCT)):
        staff.post(path, json=body, headers={"Prefer": "wait=30, visible"}).raise_for_status()


def authorize(docs: Browser, token: str) -> None:
    docs.click(".scheme-container .authorize")
    docs.click(".auth-container input")
    docs.press(token)
    docs.click(".auth-container .modal-btn.authorize")
    docs.until_text(".auth-container", "Authorized")
    docs.click(".auth-container .btn-done")
    docs.until_gone(".dialog-ux")


def send(docs: Browser, operation: str) -> None:
    docs.click(f"{operation} .opblock-summary-control")
    docs.click(f"{operation} .btn.execute")


def shown(docs: Browser) -> list[str]:
    found: list[str] = docs.script(SHOWN)
    return found


def test_every_operation_is_there(docs: Browser, system: System) -> None:
    description = system.client("staff").get("/openapi.json").raise_for_status().json()

    assert len(shown(docs)) == sum(len(methods) for methods in description["paths"].values())
    docs.until_text("#groups", *(tag["name"] for tag in description["tags"]))
    docs.keep_screenshots("docs")


def test_an_order_is_placed_with_the_example_and_a_token(
    docs: Browser, system: System, examples: None
) -> None:
    authorize(docs, system.token("staff", "sam"))
    send(docs, PLACE)

    docs.until_text(f"{PLACE} .live-responses-table .response .response-col_status", "201")
    docs.until_text(f"{PLACE} .live-responses-table", '"total": 5000', "consistency-token")


def test_a_request_can_be_copied_as_curl(docs: Browser, system: System) -> None:
    token = system.token("staff", "sam")
    authorize(docs, token)
    send(docs, LIST)

    docs.until_text(f"{LIST} .live-responses-table .response .response-col_status", "200")
    docs.until_text(f"{LIST} .curl-command", "curl -X", f"{system.url}/customers", f"Bearer {token}")
    docs.one(f"{LIST} .curl-command .copy-to-clipboard")


def test_the_token_is_kept_in_the_page_alone(docs: Browser, system: System) -> None:
    authorize(docs, system.token("staff", "sam"))
    assert docs.script(KEPT) == [0, 0, ""]

    docs.open("/docs")
    with docs.expecting("status of 401"):
        send(docs, LIST)
        docs.until_text(f"{LIST} .live-responses-table .response .response-col_status", "401")


@pytest.mark.parametrize(
    ("text", "found"),
    [("place an", PLACE), ("PLACEORDER", PLACE), ("/customers", LIST)],
    ids=["summary", "name", "path"],
)
def test_operations_are_found(docs: Browser, text: str, found: str) -> None:
    every = len(shown(docs))
    docs.click(".operation-filter-input")
    docs.press(text)

    until(lambda: 0 < len(shown(docs)) < every / 2, PATIENCE_S, "fewer operations")
    assert found.removeprefix("#") in shown(docs)


def test_what_is_not_there_is_not_found(docs: Browser) -> None:
    docs.click(".operation-filter-input")
    docs.press("no such thing")

    until(lambda: not shown(docs), PATIENCE_S, "no operation")


def test_a_group_is_gone_to(docs: Browser) -> None:
    docs.click("#groups a[href$='analytics']")

    top = "return document.getElementById('operations-tag-analytics').getBoundingClientRect().top"
    until(lambda: 0 <= docs.script(top) < 200, PATIENCE_S, "the group at the top")


def test_an_operation_has_an_address(browser: Browser) -> None:
    browser.open("/docs#/orders/placeOrder")

    browser.one(f"{PLACE}.is-open .execute")


def test_it_leads_to_the_dashboard_and_to_the_description(docs: Browser) -> None:
    docs.one("header a[href='openapi.json']")
    docs.click("header a[href='ops']")

    docs.one("#token")
    assert docs.address.endswith("/ops")
