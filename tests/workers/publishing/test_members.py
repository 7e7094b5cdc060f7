"""Exactly once: only a member of the group claims partitions, and only its own."""

from __future__ import annotations

import asyncio
from unittest.mock import AsyncMock

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError
from aiokafka.structs import OffsetAndMetadata

from topics.catalog import POSTS
from workers.publishing import commit_as_member, start_exactly_once

from .conftest import committed, open_publisher


def test_whose_claim_the_group_refuses_gets_no_publisher_and_leaves_no_name(kafka_only: tuple[str, str]) -> None:
    async def run() -> None:
        owner, consumer = await open_publisher(kafka_only, "members")
        before = await committed(kafka_only[1], "members")
        with pytest.raises(CommitFailedError):
            await start_exactly_once(
                {"bootstrap_servers": kafka_only[1]},
                POSTS.name,
                [1],
                "members",
                AsyncMock(side_effect=CommitFailedError),
            )
        assert await committed(kafka_only[1], "members") == before
        for each in (owner, consumer):
            await each.stop()

    asyncio.run(run())


async def open_members(address: str, group: str, *heartbeats_ms: int) -> list[AIOKafkaConsumer]:
    """Two members of a group with a partition each; the first leads."""
    members = []
    for heartbeat_ms in heartbeats_ms:
        consumer = AIOKafkaConsumer(
            POSTS.name,
            bootstrap_servers=address,
            group_id=group,
            enable_auto_commit=False,
            heartbeat_interval_ms=heartbeat_ms,
        )
        await consumer.start()
        members.append(consumer)
    await shared_out(members)
    return members


async def shared_out(members: list[AIOKafkaConsumer]) -> None:
    while any(len(each.assignment()) != 1 for each in members):  # noqa: ASYNC110 - aiokafka tells nobody
        await asyncio.sleep(0.05)


def own_claim(member: AIOKafkaConsumer) -> dict[TopicPartition, OffsetAndMetadata]:
    return {each: OffsetAndMetadata(0, "name") for each in member.assignment()}


def test_a_member_that_is_joining_again_claims_nothing_and_joins_once(kafka_only: tuple[str, str]) -> None:
    async def run() -> None:
        # When the leader joins again, the group waits until the other's next heartbeat.
        quick, slow = members = await open_members(kafka_only[1], "joining", 100, 3_000)
        claim = own_claim(quick)
        await commit_as_member(quick, claim)
        before = quick._coordinator.generation
        quick._coordinator.request_rejoin()
        await asyncio.sleep(0.5)
        with pytest.raises(CommitFailedError):
            await commit_as_member(quick, claim)
        await asyncio.sleep(5)
        await shared_out(members)
        assert quick._coordinator.generation == before + 1
        await commit_as_member(quick, own_claim(quick))
        for each in (quick, slow):
            await each.stop()

    asyncio.run(run())


def test_partitions_that_are_another_member_s_are_not_claimed(kafka_only: tuple[str, str]) -> None:
    async def run() -> None:
        first, second = await open_members(kafka_only[1], "others", 100, 100)
        await commit_as_member(first, own_claim(first))
        with pytest.raises(CommitFailedError):
            await commit_as_member(first, own_claim(second))
        for each in (first, second):
            await each.stop()

    asyncio.run(run())
