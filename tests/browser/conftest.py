"""A running system with a shop in it, and a browser, in which each test has a window of its own."""

import re
from collections.abc import Generator, Iterator

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver

from tests.browser.browser import Browser
from tests.browser.chromium import chromium, new_window
from tests.browser.watched_shop import Shop
from tests.support.processes import ROOT
from tests.support.standstills import Standstills
from tests.support.system import System

OUTPUT = ROOT / ".test-output" / "browser"
FAILED = pytest.StashKey[bool]()
_NOT_IN_A_NAME = re.compile(r"[^\w.-]+")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[FAILED] = report.failed
    return report


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with System() as running:
        yield running


@pytest.fixture(scope="module")
def shop(system: System) -> Shop:
    return Shop(system)


@pytest.fixture(scope="module")
def driver() -> Iterator[WebDriver]:
    with chromium() as running:
        yield running


@pytest.fixture
def browser(driver: WebDriver, system: System, request: pytest.FixtureRequest) -> Iterator[Browser]:
    """On nothing yet, and nothing is left of the test before. If the test fails, the page is kept."""
    with new_window(driver), Standstills() as standstills:
        browser = Browser(driver, system.url, OUTPUT, standstills)
        yield browser
        if request.node.stash[FAILED]:
            browser.keep_failure(_NOT_IN_A_NAME.sub("-", request.node.name))
        else:
            browser.check_console()


@pytest.fixture
def operator(system: System) -> str:
    """A token."""
    return system.token("ops", "olga")
