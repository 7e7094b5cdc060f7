"""Publishing: what both deliveries promise, and what a broker must be able to do for them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
from aiokafka.errors import KafkaError

from deploy.embedded import start_broker
from topics.admin import TopicAdmin
from topics.catalog import ALLOW, CAMPAIGNS, DEAD, POSTS
from workers.publishing import NoTransactions, Row, start_exactly_once

from .conftest import OTHER, SOURCE, committed_rows, ends, open_publisher, publish


def test_rows_and_offset_arrive_in_order_with_keys_headers_and_tombstones(delivery: tuple[str, str]) -> None:
    async def run() -> None:
        start = await ends(delivery[1])
        publisher, consumer = await open_publisher(delivery, "order")
        allowed = [Row(b"a%d" % number, b"x" * 500) for number in range(2_000)]
        dead = [Row(None, b"{", [("reason", b"not_json")]), Row(b"k", None, [("reason", b"tombstone")])]
        await publish(publisher, {1: {ALLOW.name: allowed, DEAD.name: dead}}, {1: 2_002})
        await publish(publisher, {1: {ALLOW.name: [Row(b"last", b"y")], DEAD.name: []}}, {1: 2_003})
        rows = await committed_rows(delivery[1], start)
        found = [(row.key, row.value) for row in rows if row.topic == ALLOW.name]
        assert found == [(row.key, row.value) for row in [*allowed, Row(b"last", b"y")]]
        assert [(row.key, row.value, list(row.headers)) for row in rows if row.topic == DEAD.name] == [
            (row.key, row.value, row.headers) for row in dead
        ]
        assert await consumer.committed(SOURCE) == 2_003
        await publisher.stop()
        await consumer.stop()

    asyncio.run(run())


def test_rows_go_to_the_partition_they_came_from_and_those_of_campaigns_to_one(delivery: tuple[str, str]) -> None:
    async def run() -> None:
        start = await ends(delivery[1])
        publisher, consumer = await open_publisher(delivery, "places")
        outputs = [
            {ALLOW.name: [Row(b"k", b"%d" % number)], CAMPAIGNS.name: [Row(b"c", b"%d" % number)]} for number in (0, 1)
        ]
        await publish(publisher, dict(enumerate(outputs)), {0: 7, 1: 8})
        rows = await committed_rows(delivery[1], start)
        assert {(row.value, row.partition) for row in rows if row.topic == ALLOW.name} == {(b"0", 0), (b"1", 1)}
        told = [(row.value, row.partition) for row in rows if row.topic == CAMPAIGNS.name]
        assert told == [(b"0", 0), (b"1", 0)]
        assert [await consumer.committed(each) for each in (OTHER, SOURCE)] == [7, 8]
        await publisher.stop()
        await consumer.stop()

    asyncio.run(run())


def test_a_row_near_the_topic_s_limit_fits(delivery: tuple[str, str]) -> None:
    async def run() -> None:
        start = await ends(delivery[1])
        publisher, consumer = await open_publisher(delivery, "large")
        await publish(
            publisher, {1: {DEAD.name: [Row(b"large", b"x" * 1_048_000, [("reason", b"too_large")])]}}, {1: 1}
        )
        sizes = [len(row.value) for row in await committed_rows(delivery[1], start) if row.key == b"large"]
        assert sizes == [1_048_000]
        await publisher.stop()
        await consumer.stop()

    asyncio.run(run())


def test_a_row_that_the_brokers_refuse_commits_nothing(delivery: tuple[str, str]) -> None:
    if delivery[0] == "at_least_once":
        pytest.skip("the embedded broker refuses no row")

    async def run() -> None:
        start = await ends(delivery[1])
        publisher, consumer = await open_publisher(delivery, "refused")
        refused = {DEAD.name: [Row(b"k", b"v")], ALLOW.name: [Row(b"k", b"x" * 3_000_000)]}
        with pytest.raises(KafkaError):
            await publish(publisher, {0: {ALLOW.name: [Row(b"k", b"v")]}, 1: refused}, {0: 1, 1: 2})
        assert await committed_rows(delivery[1], start) == []
        assert [await consumer.committed(each) for each in (OTHER, SOURCE)] == [0, 0]
        await publisher.stop()
        await consumer.stop()

    asyncio.run(run())


def test_a_batch_that_was_begun_and_never_decided_moves_no_offset(delivery: tuple[str, str]) -> None:
    async def run() -> None:
        start = await ends(delivery[1])
        publisher, consumer = await open_publisher(delivery, "undecided")
        await publish(publisher, {1: {ALLOW.name: [Row(b"k", b"1")]}}, {1: 1})
        await publisher.begin({0: 5, 1: 9})
        await asyncio.sleep(0.5)
        await publisher.stop()
        assert {row.value for row in await committed_rows(delivery[1], start)} == {b"1"}
        assert [await consumer.committed(each) or 0 for each in (OTHER, SOURCE)] == [0, 1]
        await consumer.stop()

    asyncio.run(run())


def test_a_broker_without_transactions_is_told_with_what_to_do(tmp_path: Path) -> None:
    async def run(address: str) -> None:
        with pytest.raises(NoTransactions, match="SLUICEGATE_DELIVERY=at_least_once"):
            await start_exactly_once({"bootstrap_servers": address}, POSTS.name, [1], "group", AsyncMock())

    service, address = start_broker(tmp_path)
    with TopicAdmin(address) as admin:
        admin.create(2, replication=1)
    asyncio.run(run(address))
    service.stop()
