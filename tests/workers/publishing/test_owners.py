"""Exactly once: of two owners of a partition only the later one publishes and commits."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerFenced

from topics.catalog import ALLOW
from workers.publishing import Row

from .conftest import OTHER, SOURCE, committed, committed_rows, ends, open_publisher, publish


def test_a_former_owner_publishes_and_commits_nothing(kafka_only: tuple[str, str]) -> None:
    async def run() -> None:
        start = await ends(kafka_only[1])
        former, first = await open_publisher(kafka_only, "fenced")
        await publish(former, {1: {ALLOW.name: [Row(b"k", b"1")]}}, {1: 1})
        owner, second = await open_publisher(kafka_only, "fenced")
        with pytest.raises((ProducerFenced, KafkaError)):
            await publish(former, {1: {ALLOW.name: [Row(b"k", b"zombie")]}}, {1: 9})
        await publish(owner, {1: {ALLOW.name: [Row(b"k", b"2")]}}, {1: 2})
        assert [row.value for row in await committed_rows(kafka_only[1], start)] == [b"1", b"2"]
        assert await second.committed(SOURCE) == 2
        for each in (former, owner, first, second):
            await each.stop()

    asyncio.run(run())


def test_an_owner_that_has_published_nothing_yet_is_shut_out_too(kafka_only: tuple[str, str]) -> None:
    async def run() -> None:
        start = await ends(kafka_only[1])
        former, first = await open_publisher(kafka_only, "silent")
        owner, second = await open_publisher(kafka_only, "silent")
        with pytest.raises((ProducerFenced, KafkaError)):
            await publish(former, {0: {ALLOW.name: [Row(b"k", b"zombie")]}}, {0: 9})
        assert await committed_rows(kafka_only[1], start) == []
        assert await second.committed(OTHER) == 0
        for each in (former, owner, first, second):
            await each.stop()

    asyncio.run(run())


def test_a_former_owner_that_is_shut_out_before_it_sends_is_told_so(kafka_only: tuple[str, str]) -> None:
    async def run() -> None:
        former, consumer = await open_publisher(kafka_only, "told")
        await former.begin({1: 9})
        # As aiokafka does when the brokers answer so; it then has no other word for it than a wrong use of itself.
        former._producer._txn_manager.fatal_error(ProducerFenced())  # type: ignore[attr-defined]
        with pytest.raises(ProducerFenced):
            await former.publish({1: {ALLOW.name: [Row(b"k", b"zombie")]}})
        for each in (former, consumer):
            await each.stop()

    asyncio.run(run())


def test_what_a_former_owner_left_open_is_undone_at_once(kafka_only: tuple[str, str]) -> None:
    async def run() -> None:
        start = await ends(kafka_only[1])
        former, first = await open_publisher(kafka_only, "open")
        await publish(former, {1: {ALLOW.name: [Row(b"k", b"1")]}}, {1: 1})
        name = (await committed(kafka_only[1], "open"))[SOURCE].metadata
        await former.stop()
        producer = AIOKafkaProducer(bootstrap_servers=kafka_only[1], transactional_id=name)
        await producer.start()
        await producer.begin_transaction()
        await producer.send_and_wait(ALLOW.name, b"open", partition=1)
        await producer.send_offsets_to_transaction({SOURCE: 9}, "open")
        owner, second = await open_publisher(kafka_only, "open")
        assert await second.committed(SOURCE) == 1
        await publish(owner, {1: {ALLOW.name: [Row(b"k", b"2")]}}, {1: 2})
        assert [row.value for row in await committed_rows(kafka_only[1], start)] == [b"1", b"2"]
        for each in (producer, owner, first, second):
            await each.stop()

    asyncio.run(run())


def test_what_a_former_owner_has_begun_is_undone_and_not_published(kafka_only: tuple[str, str]) -> None:
    async def run() -> None:
        start = await ends(kafka_only[1])
        former, first = await open_publisher(kafka_only, "begun")
        await former.begin({1: 9})
        await asyncio.sleep(0.5)
        owner, second = await open_publisher(kafka_only, "begun")
        await publish(owner, {1: {ALLOW.name: [Row(b"k", b"1")]}}, {1: 1})
        with pytest.raises((ProducerFenced, KafkaError)):
            await former.publish({1: {ALLOW.name: [Row(b"k", b"zombie")]}})
        assert [row.value for row in await committed_rows(kafka_only[1], start)] == [b"1"]
        assert await second.committed(SOURCE) == 1
        for each in (former, owner, first, second):
            await each.stop()

    asyncio.run(run())


def test_offsets_that_were_set_by_hand_are_where_the_next_owner_goes_on(kafka_only: tuple[str, str]) -> None:
    async def run() -> None:
        former, first = await open_publisher(kafka_only, "by-hand")
        await first.commit({SOURCE: 5})
        owner, second = await open_publisher(kafka_only, "by-hand")
        assert await second.committed(SOURCE) == 5
        for each in (former, owner, first, second):
            await each.stop()

    asyncio.run(run())
