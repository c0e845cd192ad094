"""The dashboard in a browser, as one uses it: by keyboard and by what stands on it."""

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.support.standstills import Standstills
from tests.support.waiting import until

PATIENCE_S = 40.0
DESKTOP, PHONE = 1280, 390
HEIGHT = 900
LOOKS = {f"{width}-{scheme}": (width, scheme) for width in (DESKTOP, PHONE) for scheme in ("light", "dark")}
"""Widths and colour schemes that screenshots are kept of."""
USUAL = f"{DESKTOP}-light"
TOO_SLOW = "status of 503"


class Browser:
    """One window. ``output`` is where screenshots go."""

    def __init__(self, driver: WebDriver, url: str, output: Path, standstills: Standstills) -> None:
        self._driver = driver
        self._url = url
        self._output = output
        self._expected: list[str] = []
        self._standstills = standstills
        self.look_like(USUAL)

    def open(self, path: str = "/ops", token: str | None = None) -> None:
        """The page; with a token as after logging in with it."""
        self._driver.get(f"{self._url}{path}")
        if token is not None:
            self.script("sessionStorage.setItem('twofold-token', arguments[0])", token)
            self._driver.refresh()

    def open_elsewhere(self, address: str) -> None:
        """A page of another server."""
        self._driver.get(address)

    def script(self, code: str, *arguments: Any) -> Any:
        return self._driver.execute_script(code, *arguments)

    def answer(self, path: str, document: Any) -> None:
        """What the pages opened from now on are answered at a path, whatever the service has there."""
        stand_in = f"""
        const ask = fetch;
        window.fetch = (address, request) => String(address).includes({json.dumps(path)})
          ? Promise.resolve(new Response({json.dumps(json.dumps(document))}))
          : ask(address, request);
        """
        self._cdp("Page.addScriptToEvaluateOnNewDocument", {"source": stand_in})

    def all(self, css: str) -> Sequence[WebElement]:
        return self._driver.find_elements(By.CSS_SELECTOR, css)

    def one(self, css: str) -> WebElement:
        """The first that can be seen, once there is one."""

        def seen() -> WebElement | None:
            try:
                return next((each for each in self.all(css) if each.is_displayed()), None)
            except StaleElementReferenceException:
                return None

        element = until(seen, PATIENCE_S, f"{css} on the page")
        assert element is not None
        return element

    def text(self, css: str) -> str:
        """What can be read there, once it can be seen."""

        def read() -> str | None:
            try:
                return self.one(css).text
            except StaleElementReferenceException:
                return None

        return until(lambda: (read(),), PATIENCE_S, css)[0] or ""

    def until_text(self, css: str, *wanted: str) -> None:
        """Wait until all of it stands there."""
        until(
            lambda: all(each in self.text(css) for each in wanted),
            PATIENCE_S,
            f"{wanted} in {css}, where there is {self.text(css)!r}",
        )

    def until_gone(self, css: str) -> None:
        until(lambda: not self.all(css), PATIENCE_S, f"no {css}")

    def click(self, css: str) -> None:
        """Once it can be seen; again if the page has put another in its place by then."""

        def clicked() -> bool:
            try:
                element = self.one(css)
                self.script("arguments[0].scrollIntoView({block: 'center'})", element)
                element.click()
            except StaleElementReferenceException:
                return False
            return True

        until(clicked, PATIENCE_S, f"{css} clicked")

    def press(self, *keys: str) -> None:
        """Keys to whatever has the focus."""
        ActionChains(self._driver).send_keys(*keys).perform()

    def replace_with(self, *keys: str) -> None:
        """Keys in the place of all that is in the field that has the focus."""
        mark_all = ActionChains(self._driver).key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL)
        mark_all.send_keys(*keys).perform()

    @property
    def focused(self) -> str:
        """The id of what has the focus, or its tag."""
        found: str = self.script(
            "const focused = document.activeElement; return focused.id || focused.localName"
        )
        return found

    @property
    def address(self) -> str:
        return self._driver.current_url

    @property
    def size(self) -> tuple[int, int]:
        """Of the whole page, in pixels: how wide and how high."""
        wide, high = self.script(
            "const page = document.documentElement; return [page.scrollWidth, page.scrollHeight]"
        )
        return wide, high

    def look_like(self, look: str) -> None:
        width, scheme = LOOKS[look]
        self.be_wide(width)
        self.prefer("prefers-color-scheme", scheme)

    def be_wide(self, width: int) -> None:
        size = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": width <= PHONE}
        self._cdp("Emulation.setDeviceMetricsOverride", size)

    def prefer(self, feature: str, value: str) -> None:
        """As the settings of somebody's system say."""
        self._cdp("Emulation.setEmulatedMedia", {"features": [{"name": feature, "value": value}]})

    def keep_screenshots(self, name: str) -> None:
        """Of the whole page, in each look; nothing may stick out of it sideways."""
        self._output.mkdir(parents=True, exist_ok=True)
        for look, (width, _) in LOOKS.items():
            self.look_like(look)
            assert self.size[0] <= width, f"{name} is {self.size[0]} wide on {width}"
            clip = {"x": 0, "y": 0, "width": width, "height": self.size[1], "scale": 1}
            taken = self._cdp("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
            (self._output / f"{name}-{look}.png").write_bytes(base64.b64decode(taken["data"]))
        self.look_like(USUAL)

    def keep_failure(self, name: str) -> None:
        """What could be seen, and what the browser complained of."""
        self._output.mkdir(parents=True, exist_ok=True)
        self._driver.save_screenshot(str(self._output / f"failed-{name}.png"))
        log: list[dict[str, Any]] = self._driver.get_log("browser")  # type: ignore[no-untyped-call]
        (self._output / f"failed-{name}.log").write_text("\n".join(map(str, log)))

    @contextmanager
    def expecting(self, *words: str) -> Iterator[None]:
        """Within, answers that are problems are meant to come; browsers log each of them as an error."""
        self.check_console()
        self._expected += words
        yield
        self.check_console()
        self._expected = []

    def check_console(self) -> None:
        """Nothing is complained of: no error of the script, nothing that the policy had to stop.

        A 503 is let pass on a machine that has just stood still: for the API a database was away, and the
        pages ask again. What does not come then, the tests miss on the page.
        """
        log: list[dict[str, Any]] = self._driver.get_log("browser")  # type: ignore[no-untyped-call]
        bad = [entry for entry in log if entry["level"] in {"SEVERE", "WARNING"}]
        expected = [*self._expected, *([TOO_SLOW] if self._standstills.was_lately else [])]
        unexpected = [entry for entry in bad if not any(word in entry["message"] for word in expected)]
        assert not unexpected, unexpected

    def _cdp(self, command: str, parameters: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._driver.execute_cdp_cmd(command, parameters)
        return answer
