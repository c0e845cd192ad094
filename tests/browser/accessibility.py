"""Whether everybody can use a page: what can be decided by looking at what the browser has made of it.

After the Web Content Accessibility Guidelines 2.2, level AA: names of controls (4.1.2), headings and
landmarks (1.3.1, 2.4.1), tables with headers, labels, contrast (1.4.3), unique ids, targets that are not tiny
(2.5.8).
"""

from pathlib import Path

from tests.browser.browser import Browser

_SCRIPT = Path(__file__).with_name("barriers.js")


def barriers(browser: Browser) -> list[str]:
    """What is wrong with the page as it is now; nothing, if nothing was found."""
    found: list[str] = browser.script(_SCRIPT.read_text())
    return found
