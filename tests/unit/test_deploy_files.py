"""The files of ``deploy/`` name what is there: lines, variables, metrics. Each process gets few rights."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from api.server.addresses import Addresses
from bus.settings import Settings
from tests.support.deployed import LINES
from tests.support.pages import Page
from tests.support.processes import ROOT

DEPLOY = ROOT / "deploy"
BASE = DEPLOY / "kubernetes" / "base"
OVERLAY = DEPLOY / "kubernetes" / "overlays" / "production"
CONTAINERFILE = (DEPLOY / "Containerfile").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
UNITS = {path.stem.removeprefix("twofold-").rstrip("@"): path for path in DEPLOY.glob("systemd/*.service")}
VARIABLES = {name.upper() for name in Settings.model_fields}
STOPS_WITHIN_S = 5
"""tests/e2e/test_stops.py holds every process to it."""

each_line = pytest.mark.parametrize("name", LINES)


def manifests() -> Iterator[dict[str, Any]]:
    for path in sorted(BASE.glob("*.yaml")):
        yield from yaml.safe_load_all(path.read_text())


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    """The manifests of a kind, by their names."""
    return {one["metadata"]["name"]: one for one in manifests() if one["kind"] == kind}


def overlay() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((OVERLAY / "kustomization.yaml").read_text())
    return read


def assignments(text: str) -> dict[str, str]:
    """The lines ``NAME=value`` of a file."""
    return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))


def first(pattern: str, text: str) -> str:
    """The first group of the first match of a line."""
    match = re.search(pattern, text, re.MULTILINE)
    assert match is not None, pattern
    return match[1]


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def pod(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = of_kind("Deployment")[name]["spec"]["template"]["spec"]
    return spec


def test_the_image_runs_any_line_and_by_itself_the_api() -> None:
    assert json.loads(first(r"^CMD (.+)$", CONTAINERFILE)) == LINES["web"].split()
    assert re.findall(r"^USER (\S+)$", CONTAINERFILE, re.MULTILINE) == ["10001:10001"]
    named = set(re.findall(r"(\w+)=", first(r"^ENV (.+)$", CONTAINERFILE)))
    assert named - {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"} <= VARIABLES


def test_the_image_gets_what_it_is_installed_from_and_no_more() -> None:
    script = (DEPLOY / "install.sh").read_text()
    locks = re.findall(r"\$tree/(deploy/\S+\.txt)", script)
    needed = {*first(r"^for part in (.+); do$", script).split(), *locks, "deploy/install.sh"}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", CONTAINERFILE, re.MULTILINE)
    assert set(" ".join(copied).split()) == needed
    let_in = re.findall(r"^!(.+)$", (DEPLOY / "Containerfile.dockerignore").read_text(), re.MULTILINE)
    assert set(let_in) == needed


@each_line
def test_compose_runs_every_line_with_few_rights_and_time_to_stop(name: str) -> None:
    service = COMPOSE["services"][name]
    assert " ".join(service["command"]) == LINES[name]
    assert set(service["environment"]) <= VARIABLES
    assert seconds(service["stop_grace_period"]) > STOPS_WITHIN_S
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


def test_the_addresses_that_compose_makes_are_taken() -> None:
    given = COMPOSE["services"]["web"]["environment"]
    addresses = {name.lower() for name in given if name.endswith(("_URL", "_URI"))}
    filled: dict[str, Any] = {
        name: re.sub(r"\$\{\w+:\?}", "5ec2e7", given[name.upper()]) for name in addresses
    }
    assert Settings(**filled).model_fields_set == {"redis_url", "write_mongodb_uri", "read_mongodb_uri"}
    asked_for = set(re.findall(r"\$\{(\w+):\?}", (DEPLOY / "compose.yaml").read_text()))
    assert asked_for <= set(assignments((DEPLOY / "compose.env.example").read_text()))


def test_compose_runs_a_mongod_that_is_safe() -> None:
    mongo = COMPOSE["x-mongo"]
    series = first(r"mongo:(\d\.\d)", mongo["image"])
    assert f"| {series} |" in Page("docs/deploying.md").text
    assert "--networkMessageCompressors=snappy,zstd" in mongo["command"]  # CVE-2025-14847 is one of zlib


@each_line
def test_kubernetes_runs_every_line_with_few_rights_and_time_to_stop(name: str) -> None:
    spec = pod(name)
    (container,) = spec["containers"]
    assert " ".join(container["command"]) == LINES[name]
    hook = container.get("lifecycle", {}).get("preStop", {"exec": {"command": ["sleep", "0"]}})
    assert spec["terminationGracePeriodSeconds"] > int(hook["exec"]["command"][1]) + STOPS_WITHIN_S
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    labels = of_kind("Deployment")[name]["spec"]["template"]["metadata"]["labels"]
    assert of_kind("PodDisruptionBudget")[name]["spec"]["selector"]["matchLabels"] == labels


def test_what_kustomize_is_told_of_is_there() -> None:
    listed = yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]
    assert sorted(listed) == sorted({path.name for path in BASE.glob("*.yaml")} - {"kustomization.yaml"})
    assert [(OVERLAY / path).resolve() for path in overlay()["resources"]] == [BASE]
    generated = {one["name"] for kind in ("configMapGenerator", "secretGenerator") for one in overlay()[kind]}
    asked_for = {
        next(iter(source.values()))["name"]
        for name in LINES
        for source in pod(name)["containers"][0]["envFrom"]
    }
    assert generated == asked_for


def test_what_kubernetes_configures_is_taken() -> None:
    literals = assignments("\n".join(overlay()["configMapGenerator"][0]["literals"]))
    secrets = assignments((OVERLAY / "secrets.env.example").read_text())
    assert set(literals) | set(secrets) <= VARIABLES
    given: dict[str, Any] = {name.lower(): value for name, value in (literals | secrets).items()}
    settings = Settings(**given)
    scaled = of_kind("HorizontalPodAutoscaler")["projections"]["spec"]
    assert scaled["maxReplicas"] <= settings.log_partitions


def test_where_all_callers_come_by_one_address_that_is_trusted() -> None:
    """Else MAX_CONNECTIONS_PER_ADDRESS counts the proxy's connections, and callers have its address."""
    literals = assignments("\n".join(overlay()["configMapGenerator"][0]["literals"]))
    published = re.sub(r"\$\{\w+:-(.*)}", r"\1", COMPOSE["services"]["web"]["environment"]["TRUSTED_PROXIES"])
    for networks in (literals["TRUSTED_PROXIES"], published):
        addresses = Addresses(1, Settings(trusted_proxies=networks).trusted_proxies or ())
        proxy = str(Settings(trusted_proxies=networks).trusted_proxies[0][2])  # type: ignore[index]
        addresses.enter(proxy)
        assert addresses.lets_in(proxy)


def test_the_metrics_that_scale_are_there() -> None:
    scaled = of_kind("HorizontalPodAutoscaler").values()
    asked_for = {
        metric["external"]["metric"]["name"]
        for one in scaled
        for metric in one["spec"]["metrics"]
        if metric["type"] == "External"
    }
    adapter = yaml.safe_load((DEPLOY / "kubernetes" / "prometheus-adapter.yaml").read_text())["rules"][
        "external"
    ]
    assert asked_for == {rule["seriesQuery"].partition("{")[0] for rule in adapter}
    listed = Page("docs/ops/README.md").code
    assert asked_for <= listed
    for one in scaled:
        assert one["spec"]["scaleTargetRef"]["name"] in LINES
        assert "replicas" not in of_kind("Deployment")[one["metadata"]["name"]]["spec"]


@each_line
def test_systemd_runs_every_line_with_few_rights_and_time_to_stop(name: str) -> None:
    unit = assignments(UNITS[name].read_text())
    assert unit["ExecStart"] == f"/opt/twofold/bin/{LINES[name]}"
    assert seconds(unit["TimeoutStopSec"]) > STOPS_WITHIN_S
    assert (unit["Restart"], unit["ProtectSystem"], unit["NoNewPrivileges"]) == ("always", "strict", "yes")
    assert (unit["DynamicUser"], unit["CapabilityBoundingSet"]) == ("yes", "")
    set_here = {name.partition("=")[0] for name in unit["Environment"].split()}
    assert set_here - {"PYTHONDONTWRITEBYTECODE"} <= VARIABLES
    assert len(UNITS) == len(LINES)


def test_secrets_are_not_followed_by_git() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"deploy/.env", "deploy/kubernetes/overlays/*/secrets.env"} <= set(ignored)
