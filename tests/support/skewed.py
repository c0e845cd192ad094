"""``python -m tests.support.skewed SECONDS MODULE ARGUMENTS``: a process on a host whose clock is wrong.

Before anything else is imported, what tells the time of day is replaced: ``time.time`` and the class
``datetime.datetime``, whose stand-in makes real datetimes and passes for the real class.
"""

import datetime as dt
import runpy
import sys
import time
from typing import Any

_real_datetime = dt.datetime
_real_time = time.time


class _PassesForDatetime(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _real_datetime)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _real_datetime)

    def __getattr__(cls, name: str) -> Any:
        return getattr(_real_datetime, name)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return _real_datetime(*args, **kwargs)


def skew(seconds: float) -> None:
    """Let this process's clock be ahead by some seconds, or behind."""

    class Skewed(metaclass=_PassesForDatetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
            return _real_datetime.now(tz) + dt.timedelta(seconds=seconds)

        @classmethod
        def utcnow(cls) -> dt.datetime:
            return cls.now(dt.UTC).replace(tzinfo=None)

    time.time = lambda: _real_time() + seconds
    dt.datetime = Skewed  # type: ignore[assignment,misc]


if __name__ == "__main__":
    _, by, module, *arguments = sys.argv
    skew(float(by))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
