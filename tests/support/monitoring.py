"""The documents in ``docs/ops``, read as Prometheus and Grafana read them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
import yaml

DOCUMENTS = Path(__file__).resolve().parents[2] / "docs" / "ops"
PARTS = ("lhs", "rhs", "expr", "param")
OF_GRAFANA = {"$__rate_interval": "5m"}


@dataclass(frozen=True)
class Vector:
    """A metric that an expression reads, and the labels that it needs."""

    name: str
    labels: frozenset[str]


def alerts() -> list[dict[str, Any]]:
    loaded = yaml.safe_load((DOCUMENTS / "prometheus-alerts.yml").read_text())
    return [rule for group in loaded["groups"] for rule in group["rules"]]


def expressions() -> list[str]:
    """Those of the alerts and of the dashboard."""
    dashboard = json.loads((DOCUMENTS / "grafana-dashboard.json").read_text())
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    return [*shown, *(rule["expr"] for rule in alerts())]


def parsed(expression: str) -> Any:
    """Raises ``ValueError`` for what is not PromQL."""
    for variable, value in OF_GRAFANA.items():
        expression = expression.replace(variable, value)
    return promql_parser.parse(expression)


def vectors() -> set[Vector]:
    """Every metric that is read, and the labels it is chosen or grouped by, in the rules' texts too."""
    found = {vector for expression in expressions() for vector in _vectors(parsed(expression), frozenset())}
    for rule in alerts():
        words = frozenset(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        found |= set(_vectors(parsed(rule["expr"]), words))
    return found


def _vectors(node: Any, labels: frozenset[str]) -> Iterator[Vector]:
    if isinstance(node, promql_parser.VectorSelector):
        chosen = {matcher.name for matcher in node.matchers.matchers}
        yield Vector(str(node.name), labels | chosen)
    elif isinstance(node, promql_parser.MatrixSelector):
        yield from _vectors(node.vector_selector, labels)
    elif isinstance(node, promql_parser.AggregateExpr):
        yield from _vectors(node.expr, labels | frozenset(node.modifier.labels if node.modifier else ()))
    elif isinstance(node, promql_parser.Call):
        for argument in node.args:
            yield from _vectors(argument, labels)
    else:
        for part in PARTS:
            if (inner := getattr(node, part, None)) is not None:
                yield from _vectors(inner, labels)
