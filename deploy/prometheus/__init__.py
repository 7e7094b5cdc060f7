"""Prometheus: the rules of alerts and dashboards, and starting one that scrapes the workers of this machine."""

from __future__ import annotations

import json
import shutil
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from deploy.processes import HOST, Service, ServiceError, free_port

RULES = Path(__file__).parent
RUNBOOK = "deploy/RUNBOOK.md"
START_SECONDS = 20.0
HOW_TO = "Prometheus is not installed: apt-get install prometheus, brew install prometheus, or prometheus.io/download"


def installed() -> bool:
    """True where `prometheus` can be started."""
    return shutil.which("prometheus") is not None


def start_prometheus(folder: Path, targets: Sequence[str], scrape_seconds: float = 1.0) -> tuple[Service, str]:
    """Start Prometheus on a free port, with the recording and alert rules; returns it and its address.

    Args:
        folder: takes its configuration, database and log.
        targets: `host:port` of each worker's metrics.
        scrape_seconds: how often they are asked, and rules evaluated.

    Raises:
        ServiceError: it is not installed, or does not answer.
    """
    if not installed():
        raise ServiceError(HOW_TO)
    interval = f"{int(scrape_seconds * 1_000)}ms"
    configuration = {
        "global": {
            "scrape_interval": interval,
            "scrape_timeout": interval,
            "evaluation_interval": interval,
            "external_labels": {"runbook": RUNBOOK},
        },
        "rule_files": [str(RULES / "recording.yml"), str(RULES / "alerts.yml")],
        "scrape_configs": [{"job_name": "sluicegate", "static_configs": [{"targets": list(targets)}]}],
    }
    # JSON is YAML.
    (folder / "prometheus.yml").write_text(json.dumps(configuration), encoding="utf-8")
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address={HOST}:{port}",
        "--log.level=warn",
    ]
    service = Service.start("prometheus", command, folder)
    service.wait_for_port(port, START_SECONDS)
    return service, f"http://{HOST}:{port}"


def ask(address: str, expression: str, seconds: float = 0) -> list[dict[str, Any]]:
    """What Prometheus says: series, each with `metric` (its labels) and `values` ([time, text] pairs).

    Args:
        address: as `start_prometheus` returns it.
        expression: PromQL.
        seconds: how far back; 0 asks for the present, one pair a series.

    Raises:
        urllib.error.HTTPError: the expression is wrong.
    """
    now = time.time()
    words = {"query": expression, "time": now}
    if seconds:
        words = {"query": expression, "start": now - seconds, "end": now, "step": max(1.0, seconds / 120)}
    url = f"{address}/api/v1/query{'_range' if seconds else ''}?{urlencode(words)}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return [{"metric": series["metric"], "values": series.get("values") or [series["value"]]} for series in found]
