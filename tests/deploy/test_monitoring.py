"""Rules, dashboard and manifests: they are valid, and speak of metrics and pages that exist."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import generate_latest

from cps_server import keys
from cps_server.federation.peers import Mesh, Peer
from stir.aio.credential import Credential
from stir.sign import Signer
from stir.testing import World
from tests.cps_server.conftest import run_cps

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
ELSEWHERE = {
    "cps_worker_deaths_total",  # the supervisor's
    "cps_trust_list_stale",  # of the lists that a running service reads
    "cps_trust_list_age_seconds",
    "cps_trust_anchors",
    "cps_revocation_unchecked_total",
    "cps_log_lines_lost_total",
    "cps_store_unreadable_total",
    "cps_certificate_served_stale_total",
    "cps_certificate_requests_total",
    "cps_certificate_fetch_failures_total",
}
"""Metrics that are not of the application, but of the process around it; their readings have tests of their own."""


def expressions() -> list[str]:
    """Return all PromQL of the rules and the dashboard."""
    groups = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text())["groups"]
    dashboard = json.loads((DEPLOY / "grafana" / "dashboards" / "cps.json").read_text())
    rules = [rule["expr"] for group in groups for rule in group["rules"]]
    return rules + [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]


@pytest.mark.system("prometheus")
def test_rules_do_what_they_say() -> None:
    """Prometheus' own tool checks the rules and runs their unit tests."""
    for command in (["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml"]):
        done = subprocess.run(
            ["promtool", *command], cwd=DEPLOY / "prometheus", capture_output=True, text=True, check=False
        )
        assert 0 == done.returncode, done.stdout + done.stderr


async def test_rules_and_dashboard_speak_of_metrics_that_exist() -> None:
    """Every metric in an alert or a panel is one that the server has."""
    world = World()
    operator = world.service_provider("CPS1")
    credential = Credential(Signer(operator.private_key, operator.x5u), operator.spc, "CPS_MESH__")
    mesh = Mesh((Peer("http://127.0.0.1:9", "CPS2", "cps-2.example"),), credential)
    async for cps in run_cps(world=world, mesh=mesh):
        await cps.publish()
        await cps.publish([cps.passport(signature="tampered")])
        await cps.retrieve()
        text = generate_latest(cps.app[keys.metrics].registry).decode()
    known = set(re.findall(r"^# HELP (\S+)", text, re.MULTILINE)) | ELSEWHERE
    used = {name for expression in expressions() for name in re.findall(r"\bcps_[a-z_]+", expression)}
    missing = {name for name in used if re.sub(r"_(bucket|count|sum)$", "", name) not in known}
    assert set() == missing


def test_every_alert_has_its_page() -> None:
    """The runbook has a section for every alert, and for no other."""
    groups = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    sections = re.findall(r"^## (Cps\w+)$", (ROOT / "docs" / "how-to" / "runbook.md").read_text(), re.MULTILINE)
    assert alerts == set(sections)


def test_kubernetes_manifests_are_valid() -> None:
    """Every manifest is valid for the API of Kubernetes."""
    import kubernetes_validate

    documents = list(yaml.safe_load_all((DEPLOY / "kubernetes" / "cps.yaml").read_text()))
    assert 5 == len(documents)
    for document in documents:
        kubernetes_validate.validate(document, "1.31", strict=True)


@pytest.mark.parametrize("manifest", ["compose/compose.yaml", "kubernetes/cps.yaml"])
def test_manifests_set_settings_that_exist(manifest: str) -> None:
    """Every CPS_ variable of a manifest is a setting."""
    from cps_server.configuration import known

    names = set(re.findall(r"\b(CPS_[A-Z_]+):", (DEPLOY / manifest).read_text()))
    assert set() == names - {setting.name for setting in known()}
