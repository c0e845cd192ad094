"""The dashboard and the alert rules are well-formed; a running system is asked for their metrics."""

import json
import re

import yaml

from bus.observing.metrics import FAMILIES
from tests.monitoring import DOCUMENTS, alerts, expressions, parsed, vectors


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


def test_the_page_tells_of_every_alert_and_of_every_metric() -> None:
    page = (DOCUMENTS / "README.md").read_text()

    for name in (*FAMILIES, *(rule["alert"] for rule in alerts())):
        assert f"| `{name}` |" in page


def test_the_scrape_configuration_reads_these_rules() -> None:
    configured = yaml.safe_load((DOCUMENTS / "prometheus.yml").read_text())

    assert all((DOCUMENTS / name).exists() for name in configured["rule_files"])
    (job,) = configured["scrape_configs"]
    assert (job["job_name"], job["metrics_path"]) == ("twofold", "/metrics")
