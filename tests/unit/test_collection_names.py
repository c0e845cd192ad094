"""Tests look into collections that there are. One that does not exist is empty, and says so to every test."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo.database import Database

from read_side.generations import registry
from read_side.projections import READ_MODELS
from read_side.rebuild import rebuild_requests
from tests.support.processes import ROOT

PACKAGES = ("bus", "write_side", "read_side", "api")
BOTH = {"read_database", "write_database"}
DATABASES = {"database", *BOTH}
OWN = {Path("tests/integration/notes.py"), Path("tests/integration/test_comparison.py")}
"""What these look into they make themselves."""
GENERATION = re.compile(r"\.g[0-9]+$")


def trees(folders: tuple[str, ...]) -> Iterator[tuple[Path, ast.AST]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def collections() -> set[str]:
    """Those that the code names where it gets one; a model's first generation, the view of its live one."""
    named = {registry.COLLECTION, rebuild_requests.COLLECTION}
    for _, tree in trees(PACKAGES):
        named |= {collection for _, collection in looked_into(tree)}
    models = {model.name for model in READ_MODELS}
    return named | models | {registry.collection_name(model, registry.FIRST) for model in models}


def looked_into(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of each collection that the code takes from a database by a name in its text."""
    for node in ast.walk(tree):
        key: ast.expr | None = None
        if isinstance(node, ast.Attribute) and name(node.value) in BOTH and not hasattr(Database, node.attr):
            yield node.lineno, node.attr
        elif isinstance(node, ast.Subscript) and (name(node.value) in DATABASES or of_a_shop(node.value)):
            key = node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            key = node.args[0] if node.func.attr == "get_collection" else None
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.lineno, key.value


def name(node: ast.expr) -> str:
    """What a variable or a field is called."""
    return str(getattr(node, "attr", None) or getattr(node, "id", ""))


def of_a_shop(node: ast.expr) -> bool:
    """``shop.read`` or ``shop.write``."""
    return isinstance(node, ast.Attribute) and node.attr in {"read", "write"} and name(node.value) == "shop"


def test_every_collection_that_a_test_looks_into_is_one_that_the_code_has() -> None:
    known, found, wrong = collections(), 0, []
    for path, tree in trees(("tests",)):
        for line, collection in looked_into(tree):
            found += 1
            if path not in OWN and GENERATION.sub(f".g{registry.FIRST}", collection) not in known:
                wrong.append(f"{path}:{line}: {collection}")
    assert found > 60
    assert wrong == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("system.read_database.rebuilds.count_documents({})", ["rebuilds"]),
        ("both.shop.read['parked'].find()", ["parked"]),
        ("shop.read.expire_leases()", []),
        ("database['order_summary'].find()", ["order_summary"]),
        ("database.get_collection('log')", ["log"]),
        ("system.read_database.client.close()", []),
        ("pages['next']", []),
    ],
)
def test_what_is_taken_for_a_collection(code: str, found: list[str]) -> None:
    assert [collection for _, collection in looked_into(ast.parse(code))] == found
