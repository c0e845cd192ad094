"""Text that somebody wrote, made safe for a terminal.

A control character in a name could move the cursor, rewrite a line above or fill the clipboard. One
that changes the direction of writing could show an id as another one.
"""

import re

_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Controls (C0 but for tab and line feed, and C1), separators of lines, and what Unicode's
bidirectional algorithm obeys (UAX 9, section 2)."""


def printable(text: str) -> str:
    """Return the text with each unsafe character as an escape, in the form that JSON has."""
    return text if text.isprintable() else _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
