"""A mongod whose clock is wrong and can be put right while it runs, by libfaketime.

The library reads the file that it is given once a second, and shifts the time of day by what that says; the
monotonic clock goes on as it is.
"""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pymongo import MongoClient

from api.local.mongod import Mongod
from bus.connections.clients import CODEC, StoredDocument
from tests.support.waiting import until

FOLDERS = ("/usr/lib", "/usr/local/lib")
NAME = "faketime/libfaketimeMT.so.1"
MISSING = "no libfaketime is here: apt-get install faketime"
PATIENCE_S = 30
CLOSE_S = 0.5


def there() -> bool:
    """Whether tests can have a wrong clock."""
    return shutil.which("faketime") is not None and library() is not None


def library() -> Path | None:
    """Where libfaketime is, if it is installed."""
    return next((found for folder in FOLDERS for found in _below(Path(folder))), None)


def _below(folder: Path) -> Iterator[Path]:
    yield from folder.glob(NAME)
    yield from folder.glob(f"*/{NAME}")


class SkewedMongod(Mongod):
    """MongoDB on a host whose clock is wrong."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir, cache_gb=0.25)
        data_dir.mkdir(parents=True, exist_ok=True)
        self._ahead = data_dir.resolve() / "ahead"
        self._ahead.write_text("+0")

    def set_ahead(self, seconds: int) -> None:
        """Put its clock ahead of the true time, or behind; returns when it is so."""
        aside = self._ahead.with_suffix(".new")
        aside.write_text(f"{seconds:+d}")
        aside.replace(self._ahead)  # never half written
        client: MongoClient[StoredDocument] = MongoClient(self.uri)
        with client:

            def is_so() -> bool:
                told: datetime = client.admin.command("hello", codec_options=CODEC)["localTime"]
                return abs((told - datetime.now(UTC)).total_seconds() - seconds) < CLOSE_S

            until(is_so, PATIENCE_S, f"mongod's clock is {seconds} s ahead")

    def _program(self) -> Path:
        return Path("/usr/bin/env")

    def _arguments(self, port: int) -> list[str]:
        there = library()
        if there is None:
            raise FileNotFoundError(MISSING)
        faked = {
            "LD_PRELOAD": there,
            "FAKETIME_TIMESTAMP_FILE": self._ahead,
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # else waits inside mongod take much longer than they should
        }
        variables = [f"{name}={value}" for name, value in faked.items()]
        return [*variables, str(super()._program()), *super()._arguments(port)]
