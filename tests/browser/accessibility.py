"""Whether everybody can use a page, by every rule that axe-core has, those of WCAG 2.2 AA included.

axe-core comes with the package selenium-axe-python, which is pinned; nothing else of that is used.
"""

from importlib.resources import files

from tests.browser.browser import Browser

_RUN = """
const rules = { "target-size": { enabled: true } };  // of WCAG 2.2; axe-core leaves it out unless asked
const told = ({ id, help, nodes }) => nodes.map(({ html }) => `${id} (${help}): ${html.slice(0, 160)}`);
return axe.run(document, { rules, resultTypes: ["violations"] })
  .then(({ violations }) => violations.flatMap(told));
"""


def barriers(browser: Browser) -> list[str]:
    """What is wrong with the page as it is now; nothing, if nothing was found."""
    axe = (files("selenium_axe_python") / "axe-core" / "axe.min.js").read_text()
    found: list[str] = browser.script(axe + _RUN)
    return found
