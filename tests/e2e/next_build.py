"""A copy of this project as the next build: an event and a state have a newer form, and write it.

The event gains a field that readers of today pass over, and says so (``readable_since``). The state gains one
that decisions rest on, so that each build must fold again what the other has left.
"""

from pathlib import Path

from tests.support.copied_tree import copied_tree

NEWER = """
    schema_version = 3
    readable_since = 2
    desk: str = "new"
"""
CHANGES = {
    "bus/messages/orders.py": (
        (
            '    """The shop took the order on."""\n',
            '    """The shop took the order on."""\n' + NEWER,
        ),
    ),
    "bus/messages/upcasters.py": (
        (
            '"OrderConfirmed": (_wider,)',
            '"OrderConfirmed": (_wider, lambda data: {**data, "desk": "old"})',
        ),
    ),
    "write_side/domain/orders.py": (
        ("    schema_version = 2\n", "    schema_version = 3\n    changes: int\n"),
        ('"changed_at": event.at}', '"changed_at": event.at, "changes": state.changes + 1}'),
        ("        order_id=event.order_id,\n", "        changes=0,\n        order_id=event.order_id,\n"),
    ),
}


def copied(folder: Path) -> Path:
    """The next build, in a folder of its own."""
    copy = copied_tree(folder / "next")
    for name, changes in CHANGES.items():
        file = copy / name
        text = file.read_text()
        for before, after in changes:
            assert text.count(before) == 1, f"{name} has not one {before!r}: the change is to be adapted"
            text = text.replace(before, after)
        file.write_text(text)
    return copy
