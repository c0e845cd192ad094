"""A real browser without a screen: the system's own Chromium with its driver, with a fresh profile.

Selenium's own manager, which would download one, is never asked: both programs are named.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver

from tests.browser.programs import BROWSERS, DRIVERS, MISSING, found

_FLAGS = (
    "--headless",
    "--no-sandbox",  # which needs more than a container gives to root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",  # nobody outside is asked for anything
    "--disable-component-update",
    "--disable-sync",
    "--lang=en",
)
START_TRIES = 3
PAGE_LOAD_S = 30


@contextmanager
def chromium() -> Iterator[WebDriver]:
    """Raises ``FileNotFoundError`` where there is none."""
    browser, driver = found(BROWSERS), found(DRIVERS)
    if browser is None or driver is None:
        raise FileNotFoundError(MISSING)
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in _FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with TemporaryDirectory(prefix="twofold-browser-") as profile:
        options.add_argument(f"--user-data-dir={Path(profile) / 'profile'}")
        running = webdriver.Chrome(options=options, service=Service(driver))
        try:
            running.set_page_load_timeout(PAGE_LOAD_S)
            yield running
        finally:
            running.quit()
            shutil.rmtree(profile, ignore_errors=True)  # its helpers may still be writing
            Path(profile).mkdir(exist_ok=True)


@contextmanager
def new_window(driver: WebDriver) -> Iterator[None]:
    """Within the block there is one window, which knows nothing of those before it."""
    before = driver.current_window_handle
    driver.switch_to.new_window("window")
    opened = driver.current_window_handle
    driver.switch_to.window(before)
    driver.close()
    driver.switch_to.window(opened)
    everything = {"origin": "*", "storageTypes": "all"}
    driver.execute_cdp_cmd("Storage.clearDataForOrigin", everything)
    driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    driver.execute_cdp_cmd("Network.clearBrowserCache", {})
    driver.get_log("browser")  # type: ignore[no-untyped-call]
    yield
