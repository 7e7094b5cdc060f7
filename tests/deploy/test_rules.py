"""The alert rules: checked and unit-tested by promtool, and each with a heading in the runbook."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import deploy
from deploy.prometheus import RULES

FOLDER = Path(deploy.__file__).parent
ALERTS = [
    rule
    for group in yaml.safe_load((RULES / "alerts.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
]
needs_promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool: apt-get install prometheus")


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], cwd=RULES, capture_output=True, text=True, check=False)


@needs_promtool
def test_prometheus_can_read_the_rules_and_the_configuration() -> None:
    done = promtool("check", "rules", "recording.yml", "alerts.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    done = promtool("check", "config", "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_each_alert_fires_when_it_should_and_is_quiet_when_it_should_not() -> None:
    done = promtool("test", "rules", "alerts.test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("outcome", ["fires", "is quiet"])
def test_every_alert_has_a_unit_test_of_either_outcome(outcome: str) -> None:
    names = [test["name"] for test in yaml.safe_load((RULES / "alerts.test.yml").read_text("utf-8"))["tests"]]
    tested = {name.split()[0] for name in names if f" {outcome}: " in name}
    assert {alert["alert"] for alert in ALERTS} == tested


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_how_grave_it_is_and_links_to_its_heading_in_the_runbook(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in ("page", "ticket")
    assert alert["annotations"]["summary"]
    anchor = alert["annotations"]["runbook_url"].partition("#")[2]
    assert anchor in headings()


def headings() -> set[str]:
    """Anchors as GitHub and GitLab make them of the runbook's headings."""
    text = (FOLDER / "RUNBOOK.md").read_text("utf-8")
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
