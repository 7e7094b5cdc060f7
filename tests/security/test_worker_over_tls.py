"""The whole worker over encrypted and authenticated connections, with the least rights."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize("delivery", ["exactly_once", "at_least_once"])
@pytest.mark.parametrize("way", ["login", "certified"])
def test_a_worker_decides_posts_and_its_debug_log_holds_no_secret(
    way: str, delivery: str, cluster: Any, parties: Any, start_redis: Any, start_worker: Any, own_log: Any, posts: Any
) -> None:
    redis = start_redis().login()
    chosen = {"SLUICEGATE_DELIVERY": delivery, "SLUICEGATE_LOG_LEVEL": "debug"}
    worker = start_worker(getattr(cluster, way)("worker") | redis | chosen)
    sent = posts(f"{way}-{delivery}")
    parties.send("platform", "posts", list(sent.values()))
    decisions = parties.read("platform", ("posts.allow",), set(sent))
    assert all(decision["verdict"] == "allow" and not decision.get("degraded") for decision in decisions.values())
    worker.ask_to_stop()
    assert worker.process.wait(20) == 0
    log = own_log(worker)
    # So that there was something to look through: the libraries did speak.
    assert '"level": "debug"' in log
    assert '"logger": "aiokafka' in log
    for secret in (*cluster.passwords.values(), redis["SLUICEGATE_REDIS_PASSWORD"]):
        assert secret not in log
    assert "PRIVATE KEY" not in log


def test_passwords_from_files_let_in_as_well(
    cluster: Any, parties: Any, start_redis: Any, start_worker: Any, posts: Any, tmp_path: Any
) -> None:
    settings = cluster.login("worker") | start_redis().login()
    for name in ("KAFKA_PASSWORD", "REDIS_PASSWORD"):
        (tmp_path / name).write_text(settings.pop(f"SLUICEGATE_{name}") + "\n")
        settings[f"SLUICEGATE_{name}_FILE"] = str(tmp_path / name)
    start_worker(settings)
    sent = posts("files")
    parties.send("platform", "posts", list(sent.values()))
    decisions = parties.read("platform", ("posts.allow",), set(sent))
    assert not any(decision.get("degraded") for decision in decisions.values())


@pytest.mark.parametrize("way", ["login", "certified"])
def test_the_topics_are_created_and_checked_over_tls(way: str, cluster: Any, environment: dict[str, str]) -> None:
    for words in (["create"], ["check", "--partitions", "2"], ["describe", "--json"]):
        command = [sys.executable, "-m", "workers", "topics", *words]
        settings = getattr(cluster, way)("operator")
        done = subprocess.run(
            command, env=environment | settings, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr + done.stdout
        assert settings.get("SLUICEGATE_KAFKA_PASSWORD", "no password") not in done.stderr + done.stdout
