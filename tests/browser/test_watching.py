"""Logging in, and watching the system at work."""

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.browser import PATIENCE_S, Browser
from tests.browser.watched_shop import Shop
from tests.support.system import System
from tests.support.waiting import until

RATES = [f".stage-{stage} .figure b" for stage in ("api", "commands", "log")]
COMMITS = ".stage-log .facts div:first-child dd"
CHARTS = (
    ".stage-api .sparkline",
    ".stage-commands .sparkline",
    ".stage-log .sparkline",
    ".model .charted:first-child .sparkline",  # how far behind
    ".model .charted:last-child .sparkline",  # time to visible
)


def lines_in(browser: Browser, chart: str) -> list[str]:
    code = (
        "return [...document.querySelectorAll(arguments[0] + ' .line')].map((line) => line.getAttribute('d'))"
    )
    found: list[str] = browser.script(code, chart)
    return found


def is_drawn(browser: Browser, chart: str) -> bool:
    """Whether there is more than one point in it."""
    return any("L" in (line or "") for line in lines_in(browser, chart))


def test_a_load_is_watched(browser: Browser, shop: Shop, operator: str) -> None:
    browser.open(token=operator)
    with shop.busy():
        browser.until_text("#connection", "Live")
        until(lambda: all(is_drawn(browser, chart) for chart in CHARTS), PATIENCE_S, "a line in every chart")
        until(lambda: all(float(browser.text(at)) > 1 for at in RATES), PATIENCE_S, "a rate at each")
        commits = browser.text(COMMITS)
        until(lambda: browser.text(COMMITS) != commits, PATIENCE_S, "more commits")
        until(
            lambda: browser.text(".model .charted:last-child b").endswith("s"),
            PATIENCE_S,
            "a time to visible",
        )
        browser.until_text(".processes", "web", "commands", "projections", "clock")
        browser.until_text("#queues tbody", "commands", "order_detail")
        browser.keep_screenshots("load")


@pytest.mark.parametrize(
    ("role", "status", "said"), [("", "401", "not a token"), ("customer", "403", "not for the role ops")]
)
def test_who_may_not_look_is_told_why(
    browser: Browser, system: System, role: str, status: str, said: str
) -> None:
    browser.open()
    assert browser.focused == "token"
    with browser.expecting(f"status of {status}"):
        browser.press(system.token(role, "ann") if role else "no.token.this", Keys.ENTER)
        browser.until_text("#login-failure", said)
    assert browser.focused == "token"
    assert not browser.one("#login").find_elements("css selector", "[hidden]")
    assert browser.script("return sessionStorage.length") == 0
    browser.keep_screenshots(f"login-{status}")


@pytest.mark.parametrize("width", [320, 390, 768, 1024, 1280, 1920])
def test_logging_in_scrolls_nothing(browser: Browser, operator: str, width: int) -> None:
    at = "return [scrollX, scrollY]"
    browser.be_wide(width)
    browser.open()
    assert browser.script(at) == [0, 0]
    browser.press(operator, Keys.ENTER)
    for part in ("#flow", "#queues tbody", "#read-models tbody"):
        browser.until_text(part, "order_detail")
    assert browser.script(at) == [0, 0]
    assert browser.size[0] <= width, "nothing sticks out sideways"


def test_the_keyboard_is_enough(browser: Browser, shop: Shop, operator: str) -> None:
    order_id, _ = shop.order(Prefer="wait=30, visible")
    browser.open()
    browser.press(operator, Keys.ENTER)
    browser.until_text("#connection", "Live")
    browser.open()
    browser.until_text("#connection", "Live")
    for stop in ("a", "a", "wanted"):  # to the content, to the reference
        browser.press(Keys.TAB)
        assert browser.focused == stop
    browser.press(order_id, Keys.ENTER)
    browser.until_text("#story-title", "Order", order_id)
    until(lambda: browser.focused == "story-title", PATIENCE_S, "the focus on what was found")
    with browser.expecting("status of 404"):
        browser.click("#wanted")
        browser.replace_with("nobody", Keys.ENTER)
        browser.until_text("#story-told", "Nothing is known of it")
        browser.open_elsewhere("about:blank")  # it would be asked for again every 3 s


def test_rejected_commands_are_found_from_their_figure(
    browser: Browser, shop: Shop, system: System, operator: str
) -> None:
    browser.open(token=operator)
    browser.until_text("#commands tbody", "succeeded")
    headers = {"Prefer": "wait=30"}
    refused = system.client("staff", "sam").patch(
        "/orders/none/status", json={"status": "confirmed"}, headers=headers
    )
    assert refused.status_code == 404
    browser.until_text("#commands tbody", "There is no order none")
    browser.click(".stage-commands a[href='#commands/rejected']")
    rejected = "#commands tbody tr .rejected"
    until(
        lambda: len(browser.all(rejected)) == len(browser.all("#commands tbody tr")),
        PATIENCE_S,
        "those alone",
    )
    assert browser.text("#commands [aria-pressed=true]") == "rejected"
    browser.until_text("#commands tbody", "ChangeOrderStatus", "order-none", "staff:sam")
    browser.click("#commands [aria-pressed=false]")
    browser.until_text("#commands tbody", "succeeded")
    assert browser.address.endswith("#commands")


def test_who_did_what_is_shown(browser: Browser, operator: str) -> None:
    entry = {
        "at": "2026-05-01T12:00:00.000Z",
        "who": "ops:olga",
        "address": "192.0.2.7",
        "through": "http",
        "action": "discard dead",
        "target": "dead 01a2",
        "outcome": "done",
        "count": 1,
    }
    browser.answer("ops/audit-trail", {"entries": [entry], "next_cursor": None})
    browser.open(token=operator)
    shown = ("2026-05-01 12:00:00", "ops:olga at 192.0.2.7", "discard dead", "dead 01a2", "done")
    browser.until_text("#trail tbody", *shown)


def test_a_service_that_is_away_is_told_and_found_again(
    browser: Browser, system: System, operator: str
) -> None:
    browser.open(token=operator)
    browser.until_text("#connection", "Live")
    browser.until_text("#queues tbody", "commands")  # all parts have been told once
    browser.one("#commands tbody tr, #commands .none")
    with browser.expecting("ERR_", "status of 50"):
        system.processes["web"].stop()
        browser.until_text("#connection", "No answer since")
        browser.until_text("#attention", "No answer since", "what is shown is of then")
        for part in ("#flow.old", "#queues.old", "#commands.old"):
            browser.until_text(f"{part} .trouble", "As of", "UTC", "the service does not answer")
        assert browser.text(".stage-log .figure")
        browser.keep_screenshots("away")
        system.processes["web"].start()
        browser.until_text("#connection", "Live")
        browser.until_gone(".old:not([hidden])")
    browser.until_text("#attention", "Nothing needs an operator")


def test_logging_out_forgets_the_token(browser: Browser, operator: str) -> None:
    browser.open(token=operator)
    browser.click("#leave")
    assert browser.one("#login").is_displayed()
    assert browser.script("return sessionStorage.length") == 0
    assert not browser.one("#content").find_element("id", "overview").is_displayed()


def test_while_redis_is_away_the_page_says_so_and_shows_the_rest(
    browser: Browser, system: System, operator: str
) -> None:
    browser.open(token=operator)
    browser.until_text("#queues tbody", "commands")
    with browser.expecting("status of 503"):
        system.redis.stop()
        try:
            browser.until_text("#attention", "redis is away")
            browser.until_text("#queues.old .trouble", "As of", "cannot be told now")
            browser.until_text("#connection", "Live")
        finally:
            system.redis.start()
        browser.until_text("#attention", "Nothing needs an operator")
        until(lambda: not browser.all("#queues .trouble:not(:empty)"), PATIENCE_S, "queues again")
