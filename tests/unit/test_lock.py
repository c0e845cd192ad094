"""The locks hold what ``pyproject.toml`` asks for, with hashes, and nothing of the machine they came from."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
GROUPS = PYPROJECT["dependency-groups"]
ASKED_FOR = {
    "deploy/requirements-run.txt": (*PROJECT["dependencies"], *EXTRAS["local"]),
    "deploy/requirements-test.txt": (
        *PROJECT["dependencies"],
        *(requirement for extra in ("local", "dev", "bench") for requirement in EXTRAS[extra]),
    ),
    "deploy/requirements-image.txt": (*PROJECT["dependencies"], *EXTRAS["otel"]),
    "deploy/requirements-build.txt": GROUPS["build"],
    "deploy/requirements-check.txt": GROUPS["deploy"],
    "tests/e2e/clients/python/requirements.txt": GROUPS["generator"],
}
RUN, TEST, IMAGE, BUILD, _CHECK, _GENERATOR = ASKED_FOR

ENVIRONMENTS = [
    {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "platform_machine": machine,
        "sys_platform": "linux",
    }
    for python, machine in product(("3.11", "3.12", "3.13"), ("x86_64", "aarch64"))
]
"""Where the locks are to be installed. A marker may ask for something in one of these and not in another."""

_PIN = re.compile(
    r"(?P<name>[\w.-]+)==(?P<version>[\w.!+]+)(?: ; (?P<marker>.+?))?(?:\s+--hash=sha256:[0-9a-f]{64})+"
)

each_lock = pytest.mark.parametrize("path", ASKED_FOR)


class Pin(NamedTuple):
    """One release of one package, and where it is installed."""

    name: str
    version: str
    marker: str | None

    def is_for(self, environment: dict[str, str]) -> bool:
        return self.marker is None or Marker(self.marker).evaluate(environment)


def lines(text: str) -> list[str]:
    """What pip reads: no comments, and a line that is continued is one."""
    joined = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
    return [line for line in joined if line.strip() and not line.lstrip().startswith("#")]


def pins(text: str) -> Iterator[Pin]:
    for line in lines(text):
        if match := _PIN.fullmatch(line):
            yield Pin(canonicalize_name(match["name"]), match["version"], match["marker"])


def unwanted(text: str) -> list[str]:
    """Lines that are no pin with hashes, and lines with a slash: every address and every path has one."""
    no_pins = [line for line in lines(text) if not _PIN.fullmatch(line)]
    return no_pins + [line for line in text.splitlines() if "/" in line]


def missing(asked_for: Iterable[str], text: str) -> set[str]:
    """The requirements that an environment has and the lock does not meet there."""
    locked = list(pins(text))
    found = set()
    for requirement, environment in product(map(Requirement, asked_for), ENVIRONMENTS):
        if requirement.marker and not requirement.marker.evaluate(environment):
            continue
        name = canonicalize_name(requirement.name)
        there = [pin.version for pin in locked if pin.name == name and pin.is_for(environment)]
        if not any(requirement.specifier.contains(version, prereleases=True) for version in there):
            found.add(str(requirement))
    return found


def read(path: str) -> str:
    return (ROOT / path).read_text()


@each_lock
def test_what_is_asked_for_is_locked(path: str) -> None:
    assert missing(ASKED_FOR[path], read(path)) == set()


@each_lock
def test_every_line_is_a_version_with_hashes(path: str) -> None:
    assert unwanted(read(path)) == []
    what_it_needs = 0 if path == BUILD else 1  # setuptools and uv need nothing else
    assert len(list(pins(read(path)))) >= len(ASKED_FOR[path]) + what_it_needs


@pytest.mark.parametrize("path", [RUN, IMAGE])
def test_what_runs_is_what_was_tested(path: str) -> None:
    for environment in ENVIRONMENTS:
        runs, tested = (
            {(pin.name, pin.version) for pin in pins(read(lock)) if pin.is_for(environment)}
            for lock in (path, TEST)
        )
        assert runs < tested


def test_the_servers_of_a_laptop_are_not_in_the_image() -> None:
    local = {canonicalize_name(Requirement(requirement).name) for requirement in EXTRAS["local"]}
    assert local & {pin.name for pin in pins(read(IMAGE))} == set()


def test_the_locks_and_the_image_are_made_by_the_same_uv() -> None:
    (version,) = re.findall(r"^UV_VERSION := (.+)$", read("Makefile"), re.MULTILINE)
    assert f"uv=={version}" in GROUPS["build"]


HASH = f"--hash=sha256:{'0' * 64}"
LOCK = f"# written by hand\none==1.5 \\\n    {HASH} \\\n    {HASH}\n    # via two\n"


@pytest.mark.parametrize(
    ("asked_for", "lock"),
    [
        ("two", LOCK),
        ("one~=1.6", LOCK),
        ("one<1.5", LOCK),
        # The lock has it for one kind of processor, and it is asked for on another as well.
        ("one", LOCK.replace("1.5", "1.5 ; platform_machine == 'x86_64'")),
        ("one; python_version >= '3.13'", LOCK.replace("1.5", "1.5 ; python_full_version < '3.13'")),
    ],
)
def test_a_requirement_that_the_lock_does_not_meet_is_found(asked_for: str, lock: str) -> None:
    assert missing([asked_for], lock) == {str(Requirement(asked_for))}


@pytest.mark.parametrize(
    ("asked_for", "lock"),
    [
        ("One[extra]~=1.5", LOCK),
        ("two; sys_platform == 'win32'", LOCK),
        (
            "one; platform_machine == 'x86_64'",
            LOCK.replace("1.5", "1.5 ; platform_machine == 'x86_64'"),
        ),
    ],
)
def test_a_requirement_that_the_lock_meets_is_not_reported(asked_for: str, lock: str) -> None:
    assert missing([asked_for], lock) == set()


@pytest.mark.parametrize(
    "line",
    [
        "two==1.0",
        f"two>=1.0 {HASH}",
        "two==1.0 --hash=md5:0",
        "--index-url https://user:secret@index.example/simple",
        "--find-links wheels",
        f"two @ file:///opt/wheels/two.whl {HASH}",
        "-e .",
        "# via -r /root/requirements.in",
    ],
)
def test_a_line_that_does_not_belong_into_a_lock_is_found(line: str) -> None:
    assert unwanted(LOCK) == []
    assert set(unwanted(f"{LOCK}{line}\n")) == {line}
