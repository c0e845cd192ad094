"""Makes the environment that the local runner gives to the processes.

The runner reads ``PORT`` here and passes it on as ``API_PORT``, because honcho gives each process a
``PORT`` of its own, counted up. The runner and the processes read everything else through
``Settings``.
"""

import os
import sys
from pathlib import Path

from api.local.servers import LocalServers
from bus.errors import ConfigurationError
from bus.settings import Settings

MAX_PORT = 65_535


def api_port(settings: Settings) -> int:
    """Return ``PORT``, else ``API_PORT``, else 8000; a bad ``PORT`` raises ConfigurationError."""
    text = os.environ.get("PORT", "").strip()
    if not text:
        return settings.api_port
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_PORT):
        raise ConfigurationError(f"PORT: must be a number from 1 to {MAX_PORT}, not {text!r}")
    return int(text)


def for_processes(settings: Settings, servers: LocalServers) -> dict[str, str]:
    """Return the whole environment; this interpreter's folder leads PATH: ``python`` means it."""
    environ = {
        **os.environ,
        **servers.told,
        "DATA_DIR": str(settings.data_dir.resolve()),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",  # lines appear when they are written, also in a pipe
    }
    environ.pop("PORT", None)
    if settings.log_format is None and sys.stdout.isatty():  # they write to honcho, and see no terminal
        environ["LOG_FORMAT"] = "plain"
    return environ
