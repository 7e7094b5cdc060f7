"""Prometheus: the rules of alerts and dashboards, and starting one that scrapes the workers of this machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from deploy.processes import HOST, Service, ServiceError, free_port

RULES = Path(__file__).parent
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
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
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
