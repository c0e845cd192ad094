"""``python -m api openapi``: makes the description without connecting the services behind it."""

from dataclasses import fields
from typing import Any

import orjson

from api.app import Services, routes
from api.openapi.document import document


class Unused:
    """Stands for the services that routes are wired with, where nobody looks at what it returns."""

    def __getattr__(self, _name: str) -> "Unused":
        return self

    def __getitem__(self, _key: object) -> "Unused":
        return self

    def __call__(self, *_: object, **__: object) -> "Unused":
        return self


def unwired() -> Services:
    """Return services that can make routes, but not serve them."""
    unused: Any = Unused()
    return Services(**dict.fromkeys([field.name for field in fields(Services)], unused))


def described() -> dict[str, Any]:
    """Return the description of every route."""
    return document(routes(unwired()))


def text() -> str:
    return orjson.dumps(described(), option=orjson.OPT_INDENT_2).decode()
