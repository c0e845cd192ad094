"""Which Chromium and which driver there are, and how to get them."""

import shutil
from collections.abc import Sequence

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DRIVERS = ("chromedriver",)
MISSING = "no Chromium with its driver is here: apt-get install chromium chromium-driver"


def found(names: Sequence[str]) -> str | None:
    """The path of the first that is on ``PATH``."""
    return next(filter(None, map(shutil.which, names)), None)


def there() -> bool:
    """Whether the tests in a browser can run."""
    return found(BROWSERS) is not None and found(DRIVERS) is not None
