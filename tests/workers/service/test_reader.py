"""A reader of what a worker decides at least once."""

from __future__ import annotations

import contextlib
import itertools
import json
import time
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.structs import OffsetAndMetadata

from topics.client import Decisions

NOW = 1_790_000_000_000
TEXTS = ("今天的面条很好吃", "同城可约，加微信 vx8899", "good morning", "加薇信 vx8899 约吗，同城")


def post(number: int) -> tuple[int, bytes, bytes]:
    author = {"id": f"author-{number}", "name": "小王", "created_at": NOW - 10**8, "followers": 1}
    value = {"id": f"post-{number}", "text": TEXTS[number % 4], "author": author, "created_at": NOW + number}
    return number // 4 % 2, author["id"].encode(), json.dumps(value).encode()


def settle(admin: Any) -> None:
    """Wait until the group of workers has no members, so that its offsets may be set."""
    deadline = time.monotonic() + 60
    while admin.describe_groups(["sluicegate"])["sluicegate"]["members"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.parametrize("fresh_broker", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)
def test_what_a_worker_decides_again_reaches_a_reader_once_whenever_that_restarts(
    platform: Any, start_worker: Any
) -> None:
    def read(count: int) -> int:
        with Decisions(platform.kafka, group="desk") as decisions:
            for decision in itertools.islice(decisions, count):
                assert decision.id not in verdicts, "comes twice"
                verdicts[decision.id] = decision.verdict
            decisions.commit()
            return decisions.repeats

    verdicts: dict[str, str] = {}
    worker = start_worker(delivery="at_least_once")
    platform.send([post(number) for number in range(200)])
    read(150)
    platform.outputs(200)
    worker.stop(20)
    with contextlib.closing(KafkaAdminClient(bootstrap_servers=platform.kafka)) as admin:
        settle(admin)
        back = {TopicPartition("posts", number): OffsetAndMetadata(60 + number, "", -1) for number in range(2)}
        admin.alter_group_offsets("sluicegate", back)
    start_worker(delivery="at_least_once")
    platform.send([post(number) for number in range(200, 210)])
    # The last posts are decided after all that come again.
    repeats = read(60)
    assert len(verdicts) == 210
    assert set(verdicts.values()) > {"allow"}
    assert repeats > 0
    assert len(platform.outputs(210)) == 210 + 79
