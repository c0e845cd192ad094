"""The layout and its rules: who imports whom, what is pure, what lies where; and importing does nothing."""

import ast
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("bus", "write_side", "read_side", "api")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
SOURCES = sorted((*MODULES, *(ROOT / "tests").rglob("*.py")))

PURE = (
    *("bus.messages", "bus.log.commit"),
    *("write_side.domain", "read_side.projections", "read_side.projector.folding"),
)
PURE_MAY_IMPORT = {
    # Of the standard library only what neither acts nor looks around; and what checks and describes messages.
    *("abc", "binascii", "collections", "dataclasses", "datetime", "enum", "functools", "itertools", "math"),
    *("calendar", "re", "types", "typing", "pydantic"),
    "uuid_utils",  # draws the ids of orders, for the API: no decision and no fold calls it
}
CLOCKS = {"now", "utcnow", "today", "time", "monotonic"}

TOP_LEVEL = {
    *(
        ".ci",
        ".gitignore",
        ".pre-commit-config.yaml",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "Procfile",
        "README.md",
        "SECURITY.md",
        "deploy",
        "docs",
        "findings",
    ),
    *("pyproject.toml", *PACKAGES, "tests"),
}
MUST_BE_THERE = TOP_LEVEL - {"CHANGELOG.md", "docs"}
WORDS_THAT_SAY_NOTHING = {"utils", "util", "common", "helpers", "helper", "manager", "misc", "base"}
LOOSE_STARTS = [[word] for word in ("Whether", "What", "Who", "Whom", "Whose", "How", "Where", "When", "Why")]
MAX_LINES = 300
ENDED_S = 150
SHOWN_AGGREGATE = ["read_side.projections", "write_side.domain"]


class Import(NamedTuple):
    """One imported module, and where."""

    module: str
    path: Path
    line: int


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def _imports(path: Path) -> Iterator[Import]:
    """Every import, wherever it stands; ``from package import module`` counts as the module."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, path, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            module = str(node.module)
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                yield Import(inner if inner in _BY_NAME else module, path, node.lineno)


_BY_NAME = {_name(path): path for path in MODULES}


def _is_within(module: str, *prefixes: str) -> bool:
    return any(module == prefix or module.startswith(f"{prefix}.") for prefix in prefixes)


def _show(wrong: Import) -> str:
    return f"{wrong.path.relative_to(ROOT)}:{wrong.line} imports {wrong.module}"


def test_there_is_something_to_check() -> None:
    assert {_name(path) for path in MODULES} >= {
        "bus.log.log",
        "write_side.domain.orders",
        "read_side.projector.folding",
        "api.app",
    }
    assert {one.module for one in _imports(ROOT / "write_side/handling/handler.py")} >= {
        "bus.log.log",
        "write_side.handling.decider",
    }


_LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"
FORBIDDEN = {
    "bus/sweeper.py": "tests.support.waiting",
    "bus/messages/orders.py": "bus.inbox.inbox",
    "write_side/domain/orders.py": "write_side.handling.decider",
    "write_side/handling/decider.py": "read_side.projections.model",
    "read_side/projections/customers.py": "read_side.projector.batch",
    "api/resources/orders.py": "read_side.projector.batch",
}
"""Modules, and what each of them may not import: one for every contract."""


def _lint_imports(tree: Path) -> tuple[int, str]:
    """Check the contracts of ``pyproject.toml`` in a tree; returns the exit status and what was printed."""
    done = subprocess.run(
        [sys.executable, "-c", _LINT_IMPORTS, "--no-cache", "--no-logo"],
        cwd=tree,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=ENDED_S,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_imports_keep_the_contracts() -> None:
    status, said = _lint_imports(ROOT)
    assert status == 0, said


def test_imports_that_break_the_contracts_are_found(tmp_path: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for path, forbidden in FORBIDDEN.items():
        with (tmp_path / path).open("a") as file:
            file.write(f"\nimport {forbidden}\n")
    status, said = _lint_imports(tmp_path)
    assert (status, f"Contracts: 0 kept, {len(FORBIDDEN)} broken." in said) == (1, True), said


def _reached_by_pure(path: Path, seen: set[Path]) -> Iterator[Import]:
    """Everything from outside the project that importing a module imports."""
    if path in seen:
        return
    seen.add(path)
    for one in _imports(path):
        if _is_within(one.module, *PACKAGES):
            names = one.module.split(".")
            for end in range(1, len(names) + 1):
                yield from _reached_by_pure(_BY_NAME[".".join(names[:end])], seen)
        else:
            yield one


@pytest.mark.parametrize("module", [name for name in _BY_NAME if _is_within(name, *PURE)])
def test_pure_modules_lead_to_no_driver_no_framework_and_nothing_around_them(module: str) -> None:
    found = list(_reached_by_pure(_BY_NAME[module], set()))
    assert [_show(one) for one in found if one.module.partition(".")[0] not in PURE_MAY_IMPORT] == []


@pytest.mark.parametrize("module", [name for name in _BY_NAME if _is_within(name, *PURE)])
def test_pure_modules_ask_no_clock(module: str) -> None:
    calls = (node.func for node in ast.walk(_tree(_BY_NAME[module])) if isinstance(node, ast.Call))
    asked = [
        f"{f.attr} in line {f.lineno}" for f in calls if isinstance(f, ast.Attribute) and f.attr in CLOCKS
    ]
    assert asked == []


READS_WHAT_IS_SENT = {"api.http.bodies", "api.http.queries", "api.importing.drafts", "api.importing.mapping"}
"""Who validates what comes from outside; what is stored is read by ``Message.from_stored``."""


def test_what_is_stored_is_validated_in_one_place() -> None:
    validates = {
        name
        for name, path in _BY_NAME.items()
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Attribute) and node.attr in {"model_validate", "validate_python"}
    }
    assert validates == READS_WHAT_IS_SENT | {"bus.messages.message", "bus.messages.registry"}


def _top_level() -> set[str]:
    """What git tracks; in a copy without a history, what it would not ignore."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return {name.partition("/")[0] for name in listed.stdout.split("\0") if name}
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines()]
    there = (path.name for path in ROOT.iterdir())
    return {name for name in there if not any(fnmatch(name, pattern) for pattern in ignored)}


def test_the_top_level_is_what_it_is_said_to_be() -> None:
    assert _top_level() <= TOP_LEVEL
    assert _top_level() >= MUST_BE_THERE


def test_names_say_something() -> None:
    assert [_name(path) for path in SOURCES if WORDS_THAT_SAY_NOTHING & {*path.stem.split("_")}] == []


def test_a_class_name_means_one_thing() -> None:
    """But for an aggregate and the document that shows it."""
    rooms: defaultdict[str, list[str]] = defaultdict(list)
    for path in MODULES:
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.ClassDef):
                rooms[node.name].append(_name(path.parent / "__init__.py"))
    twice = {name: found for name, found in rooms.items() if len(found) > 1}
    assert {name: found for name, found in twice.items() if sorted(found) != SHOWN_AGGREGATE} == {}


def test_docstrings_are_sentences_or_nouns() -> None:
    """None is a clause that hangs in the air, such as "Whether it runs"."""
    loose = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        and node.value.value.split(maxsplit=1)[:1] in LOOSE_STARTS
    ]
    assert loose == []


def test_files_are_short() -> None:
    long = {
        str(p.relative_to(ROOT)): n for p in SOURCES if (n := len(p.read_text().splitlines())) > MAX_LINES
    }
    assert long == {}


_IMPORT_ALL = """
import importlib, os, socket, subprocess, sys, threading

def refuse(*args, **options):
    raise AssertionError(f"I/O while importing: {args[:2]}")

socket.socket.connect = socket.socket.bind = subprocess.Popen.__init__ = threading.Thread.start = refuse
os.makedirs = os.mkdir = refuse
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def test_importing_does_nothing() -> None:
    """Neither network nor processes, threads or folders."""
    command = [sys.executable, "-c", _IMPORT_ALL, *_BY_NAME]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=ENDED_S, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
