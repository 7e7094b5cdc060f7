"""The whole worker over encrypted and authenticated connections."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.kafka
NOW = 1_790_000_000_000


def posts(name: str, count: int = 20) -> dict[str, bytes]:
    """Ordinary posts by id."""
    made = {}
    for number in range(count):
        author = {"id": f"{name}-author-{number}", "name": "小王", "created_at": NOW - 10**11, "followers": 80}
        post = {"id": f"{name}-{number}", "text": "面条", "author": author, "created_at": NOW + number}
        made[f"{name}-{number}"] = json.dumps(post).encode()
    return made


@pytest.mark.parametrize("way", ["login", "certified"])
def test_a_worker_decides_posts_over_tls(
    way: str, cluster: Any, parties: Any, start_redis: Any, start_worker: Any
) -> None:
    start_worker(getattr(cluster, way)("worker") | start_redis().login())
    sent = posts(way)
    parties.send("platform", "posts", list(sent.values()))
    decisions = parties.read("platform", ("posts.allow",), set(sent))
    assert all(decision["verdict"] == "allow" and not decision.get("degraded") for decision in decisions.values())
