"""A copy of the project, to be changed by a test."""

import shutil
from pathlib import Path

from tests.support.processes import ROOT


def copied_tree(to: Path) -> Path:
    """Copy all that git would not ignore, and return where it is.

    The rest is what tools keep for themselves, such as hypothesis in another pytest process: a file of theirs
    may be there when the folder is listed, and gone when it is copied.
    """
    lines = (ROOT / ".gitignore").read_text().splitlines()
    ignored = [name for line in lines if "/" not in (name := line.rstrip("/"))]
    return Path(shutil.copytree(ROOT, to, ignore=shutil.ignore_patterns(".git", *ignored)))
