"""What JSON cannot hold becomes text, and nothing makes it fail."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId, Timestamp

from api.http.answers import to_json
from api.ops.plain import DEEPEST, plain

AT = datetime(2024, 5, 1, 12, tzinfo=UTC)


def shown(value: Any) -> Any:
    return json.loads(to_json(plain(value)))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"a": [1, 2.5, None, True, "x", (1, 2)]}, {"a": [1, 2.5, None, True, "x", [1, 2]]}),
        ({"at": AT}, {"at": "2024-05-01T12:00:00.000Z"}),
        (Timestamp(AT, 7), "2024-05-01T12:00:00.000Z"),
        (b"\xff\x00x", "\\xff\x00x"),
        ("\ud800", "\\ud800"),
        ({"\ud800": 1, 2: 3}, {"\\ud800": 1, "2": 3}),
        (2**200, str(2**200)),
        (2**63 - 1, 2**63 - 1),
        (float("inf"), None),
        (ObjectId("0" * 24), "0" * 24),
    ],
)
def test_everything_can_be_told(value: Any, told: Any) -> None:
    assert shown(value) == told


def test_what_is_too_deep_is_cut() -> None:
    deep: Any = "bottom"
    for _ in range(10_000):
        deep = [deep]

    text = to_json(plain(deep)).decode()

    assert text == "[" * (DEEPEST + 1) + '"…"' + "]" * (DEEPEST + 1)
