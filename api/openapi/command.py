"""``python -m api openapi``: the description, without anything that it describes."""

from dataclasses import fields
from typing import Any

import orjson

from api.app import Services, routes
from api.openapi.document import document


class Unused:
    """Stands for what routes are wired with, where nobody looks at what it gives."""

    def __getattr__(self, _name: str) -> "Unused":
        return self

    def __getitem__(self, _key: object) -> "Unused":
        return self

    def __call__(self, *_: object, **__: object) -> "Unused":
        return self


def unwired() -> Services:
    """Services that routes can be made with, but not served."""
    unused: Any = Unused()
    return Services(**dict.fromkeys([field.name for field in fields(Services)], unused))


def described() -> dict[str, Any]:
    """The description of every route."""
    return document(routes(unwired()))


def text() -> str:
    return orjson.dumps(described(), option=orjson.OPT_INDENT_2).decode()
