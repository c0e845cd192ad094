"""``/`` and ``/problems``, as a person reads them and goes on from them."""

from urllib.parse import urlsplit

import pytest

from tests.browser.accessibility import barriers
from tests.browser.browser import LOOKS, Browser

TITLES = {"/": "Twofold", "/problems": "Problems", "/problems/status-not-allowed": "Status not allowed"}


@pytest.mark.parametrize("look", LOOKS)
def test_nothing_on_the_pages_is_a_barrier(browser: Browser, look: str) -> None:
    browser.look_like(look)
    for path, title in TITLES.items():
        browser.open(path)
        browser.until_text("h1", title)
        assert barriers(browser) == []


def test_one_finds_out_what_to_do_about_a_problem(browser: Browser) -> None:
    browser.open("/")
    browser.keep_screenshots("home")
    browser.click("dl a[href$=problems]")
    browser.until_text("h1", "Problems")
    browser.click("a[href$=status-not-allowed]")
    browser.until_text("main", "409 Conflict", "What it means", "What to do")
    browser.keep_screenshots("problem")
    browser.click("nav a[href$='./']")
    browser.until_text("h1", "Twofold")
    assert urlsplit(browser.address).path == "/"


def test_one_goes_to_the_dashboard_and_from_there_to_the_description(browser: Browser) -> None:
    browser.open("/")
    browser.click("nav a[href$=ops]")
    browser.until_text("h1", "operations")
    browser.click("header a[href$=docs]")
    browser.until_text("body", "Twofold")
    assert browser.address.endswith("/docs")
