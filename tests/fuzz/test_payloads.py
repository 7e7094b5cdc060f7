"""100,000 hostile payloads: each gets one decision or one dead letter, and its bytes are not touched."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

from msgspec import json

from topics.campaign import decode as read_campaign
from topics.dead_letter import DeadLetter
from topics.decision import decode
from topics.reading import read_posts
from workers.assembly import offline_judge
from workers.metrics import Metrics
from workers.moderate import Moderator

NOW = 1_790_000_000_000
COUNT = 100_000
BATCH = 2_000
PARTITIONS = 3


@dataclass
class StoredRecord:
    """What the worker reads of aiokafka's record."""

    partition: int
    offset: int
    value: bytes | None
    key: bytes | None
    timestamp: int
    headers: tuple[()] = ()


def test_every_payload_is_read_as_a_post_or_told_why_it_is_none(fuzzer: Any) -> None:
    values = list(fuzzer(1).payloads(COUNT))
    reasons: Counter[str] = Counter()
    for start in range(0, COUNT, BATCH):
        part = values[start : start + BATCH]
        posts, bad = read_posts(part)
        assert len(posts) == len(part)
        assert [row for row, post in enumerate(posts) if post is None] == [letter.row for letter in bad]
        reasons.update(letter.reason for letter in bad)
        for letter in bad:
            # What is said of a payload may go to a terminal, a metric and a header.
            assert letter.detail.isprintable()
            assert len(letter.detail) < 300
        for post in posts:
            if post is not None:
                json.encode(post)
    # A fuzzer that only makes rubbish, or none, finds nothing.
    assert COUNT * 0.3 < reasons.total() < COUNT * 0.7
    assert set(reasons) == {"tombstone", "not_json", "encoding", "schema", "too_large", "control_character"}


def test_every_record_gets_one_decision_or_one_dead_letter_with_its_bytes(fuzzer: Any) -> None:
    asyncio.run(_moderate_all(fuzzer(2)))


async def _moderate_all(fuzzer: Any) -> None:
    moderator = Moderator(offline_judge(None, None), Metrics())
    chance = random.Random(3)
    verdicts: Counter[str] = Counter()
    offsets: Counter[int] = Counter()
    while offsets.total() < COUNT:
        partition = chance.randrange(PARTITIONS)
        size = chance.choice((1, 7, BATCH, BATCH))
        records = [
            StoredRecord(
                partition,
                offsets[partition] + row,
                value,
                chance.choice((None, b"", b"\xff\x00", b"a-1")),
                chance.choice((NOW, NOW, NOW, NOW - 86_400_000, 0)),
            )
            for row, value in enumerate(fuzzer.payloads(size))
        ]
        outputs = (await moderator.moderate({partition: records}, {partition: records[0].offset})).rows[partition]
        by_offset = {record.offset: record for record in records}
        for row in outputs.pop("posts.campaigns", []):
            assert read_campaign(row.value or b"").id == (row.key or b"").decode()
        for topic, rows in outputs.items():
            for row in rows:
                if topic == "posts.dead":
                    letter = DeadLetter.from_record(row.value, row.key, row.headers)
                    record = by_offset.pop(letter.source_offset)
                    assert (row.value, row.key) == (record.value, record.key)
                    assert (letter.source_topic, letter.source_partition) == ("posts", partition)
                    assert letter.reason != "step_failed", record.value
                else:
                    decision = decode(row.value or b"")
                    record = by_offset.pop(decision.source.offset)
                    assert decision.source.partition == partition
                    assert row.key == decision.author.encode()
                    assert topic == f"posts.{decision.verdict}"
                verdicts[topic] += 1
        assert not by_offset
        offsets[partition] += size
    assert min(verdicts[topic] for topic in ("posts.allow", "posts.flag", "posts.block", "posts.dead")) > 50
