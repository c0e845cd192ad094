"""The dashboard and the alert rules are well-formed; the operators' pages tell of what there is, and no more.

A running system is asked for the metrics.
"""

import importlib
import json
import re
import shlex
from typing import Any

import pytest
import typer.main
import yaml

from bus.observability.metrics import FAMILIES
from bus.settings import Settings
from tests.support.monitoring import DOCUMENTS, alerts, expressions, parsed, vectors

ROOT = DOCUMENTS.parents[1]
OPERATING = ROOT / "docs" / "operating.md"
PAGES = (OPERATING, DOCUMENTS / "README.md")
OF_OTHERS = {"OTEL_TRACES_SAMPLER", "OTEL_RESOURCE_ATTRIBUTES"}
"""Variables that OpenTelemetry reads by itself."""
_WORDS = re.compile(r"[A-Z]?[A-Za-z]+:?( [a-z:]+){2,}")
WORKERS = {"tests.support.faulty_worker"}
"""Modules that are named and are no package's command line."""


def pages() -> str:
    return "\n".join(page.read_text() for page in PAGES)


def commands() -> set[str]:
    """What is typed behind ``python -m``: in backticks, or as a line of a block up to its comment."""
    found = re.findall(r"(?:`|^|; |do )python -m ([^`;#\n]+)", pages(), re.MULTILINE)
    return {line.strip().replace("…", "") for line in found if line.split()[0] not in WORKERS}


def routes() -> set[str]:
    return set(re.findall(r'Route\(\s*"([^"]+)"', (ROOT / "api/app.py").read_text()))


def test_every_expression_is_promql() -> None:
    found = expressions()

    assert len(found) > 30
    for expression in found:
        assert parsed(expression), expression


def test_every_metric_of_the_processes_is_shown_or_watched() -> None:
    used = {re.sub(r"_(bucket|sum|count)$", "", vector.name) for vector in vectors()}

    assert FAMILIES.keys() <= used


def test_alerts_have_names_severities_and_words() -> None:
    rules = alerts()
    names = [rule["alert"] for rule in rules]

    assert len(set(names)) == len(names)
    for rule in rules:
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"]["summary"]


def test_panels_have_names_and_places_of_their_own() -> None:
    panels = json.loads((DOCUMENTS / "grafana-dashboard.json").read_text())["panels"]
    ids = [panel["id"] for panel in panels]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]

    assert len(set(ids)) == len(ids)
    assert len(set(places)) == len(places)
    assert all(panel["title"] for panel in panels)


def test_the_page_tells_of_every_metric() -> None:
    page = (DOCUMENTS / "README.md").read_text()

    for name in FAMILIES:
        assert f"| `{name}` |" in page


def test_every_alert_has_its_paragraph_and_no_other_has() -> None:
    told = dict(re.findall(r"^### (Twofold\w+)\n\n(.+)$", OPERATING.read_text(), re.MULTILINE))

    assert sorted(told) == sorted(rule["alert"] for rule in alerts())


@pytest.mark.parametrize("line", sorted(commands()))
def test_every_command_that_is_named_exists(line: str) -> None:
    """With its options, and with as many arguments as it takes."""
    package, *arguments = shlex.split(line)
    main: Any = importlib.import_module(f"{package}.__main__")
    command: Any = typer.main.get_command(getattr(main, "app", None) or main.cli)
    while arguments and arguments[0] in getattr(command, "commands", {}):
        command = command.commands[arguments.pop(0)]
    assert not (arguments and hasattr(command, "commands")), f"{arguments[0]} is no command"
    command.make_context("", arguments)  # as the command line reads them; nothing is run


def test_every_route_that_is_named_exists() -> None:
    existing = {re.sub(r"{\w+}", "ID", route) for route in routes()}
    named = {re.sub(r"/NAME\b", "/ID", path) for path in re.findall(r"`(?:GET|POST) (/[\w/-]+)", pages())}

    assert len(named) > 10
    assert named - existing == set()


def test_every_variable_that_is_named_exists() -> None:
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", pages()))

    assert len(named) > 5
    assert named - {name.upper() for name in Settings.model_fields} - OF_OTHERS == set()


def test_what_logs_and_pages_are_said_to_say_is_said_in_the_code() -> None:
    """What stands in backticks and has several small words is a line of a log, or of the dashboard."""
    code = "\n".join(
        path.read_text()
        for folder in ("api", "bus", "read_side", "write_side")
        for path in (ROOT / folder).rglob("*.*")
        if path.suffix in {".py", ".js"}
    )
    prose = re.sub(r"^```.*?^```", "", OPERATING.read_text(), flags=re.MULTILINE | re.DOTALL)
    said = {text for text in re.findall(r"`([^`]+)`", prose) if _WORDS.fullmatch(text)}

    assert len(said) > 8
    assert [line for line in sorted(said) if line not in code] == []


def test_the_scrape_configuration_reads_these_rules() -> None:
    configured = yaml.safe_load((DOCUMENTS / "prometheus.yml").read_text())

    assert all((DOCUMENTS / name).exists() for name in configured["rule_files"])
    (job,) = configured["scrape_configs"]
    assert (job["job_name"], job["metrics_path"]) == ("twofold", "/metrics")
