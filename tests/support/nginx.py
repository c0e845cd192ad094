"""nginx in front of an upstream on this machine, with the configuration that ``deploy/nginx`` has."""

import shutil
import subprocess
from pathlib import Path
from typing import Self

from api.local import ports
from bus.primitives.parent_death import dies_with_parent
from tests.support.processes import ROOT
from tests.support.waiting import until

CONFIGURATION = ROOT / "deploy/nginx/twofold.conf"
MISSING = "no nginx is here: apt-get install nginx-light"
STARTS_S = 20.0
_PATHS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_LISTENS, _UPSTREAM = "listen 80;", "server 127.0.0.1:8000;"


def there() -> bool:
    """Whether tests can have one."""
    return shutil.which("nginx") is not None


class Nginx:
    """Running from entering to leaving, on a free port; it is told where its upstream listens."""

    def __init__(self, folder: Path, upstream: int) -> None:
        self.port = next(ports.candidates())
        text = CONFIGURATION.read_text()
        assert text.count(_LISTENS) == text.count(_UPSTREAM) == 1
        text = text.replace(_LISTENS, f"listen 127.0.0.1:{self.port};")
        text = text.replace(_UPSTREAM, f"server 127.0.0.1:{upstream};")
        (folder / "twofold.conf").write_text(text)
        paths = "".join(f"{name}_temp_path {folder / name};\n" for name in _PATHS)
        main = folder / "nginx.conf"
        main.write_text(
            f"daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
            f"http {{\naccess_log off;\n{paths}include {folder}/twofold.conf;\n}}\n"
        )
        program = shutil.which("nginx")
        assert program is not None, MISSING
        self._command = [program, "-e", "stderr", "-p", str(folder), "-c", str(main)]

    def __enter__(self) -> Self:
        subprocess.run([*self._command, "-t"], check=True, capture_output=True, timeout=STARTS_S)
        self._running = subprocess.Popen(dies_with_parent(self._command), stdin=subprocess.DEVNULL)
        until(lambda: ports.listens(self.port), STARTS_S, "nginx listens")
        return self

    def __exit__(self, *_: object) -> None:
        self._running.kill()
        self._running.wait(STARTS_S)
