"""Polls on demand: one for a batch, and no reading ahead but of what is more than a batch."""

from __future__ import annotations

import asyncio
from itertools import accumulate, pairwise
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from hypothesis import given
from hypothesis import strategies as st

from topics.catalog import POSTS
from workers.fetching import PollAsEvent, PollsOnDemand, with_waiting

MOST = 10
PLACES = [TopicPartition(POSTS.name, number) for number in (0, 1)]


def polls(more: bool = False) -> PollsOnDemand:
    thread = PollsOnDemand.__new__(PollsOnDemand)
    thread.more = more
    thread.consumer = SimpleNamespace(flow_active=True)  # type: ignore[assignment]
    thread.wanted = asyncio.Event()
    return thread


def found(monkeypatch: pytest.MonkeyPatch, *sizes: int) -> AsyncMock:
    """What Faust's own polls give, one after another."""
    asked = AsyncMock(side_effect=[{PLACES[0]: [object()] * size} if size else {} for size in sizes])
    monkeypatch.setattr(AIOKafkaConsumerThread, "getmany", asked)
    return asked


def test_nobody_is_asked_before_posts_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = found(monkeypatch, 1)

    async def run() -> None:
        thread = polls()
        poll = asyncio.ensure_future(thread.getmany(set(PLACES), 1.0))
        await asyncio.sleep(0.01)
        assert not asked.called
        thread.wanted.set()
        assert await poll

    asyncio.run(run())


@pytest.mark.parametrize(
    ("size", "more", "still_wanted"),
    [
        pytest.param(0, False, True, id="nothing came"),
        pytest.param(3, False, False, id="all that there was"),
        pytest.param(3, True, True, id="some of what there was"),
    ],
)
def test_a_poll_that_brought_all_there_was_is_the_last_until_more_is_wanted(
    monkeypatch: pytest.MonkeyPatch, size: int, more: bool, still_wanted: bool
) -> None:
    found(monkeypatch, size)

    async def run() -> None:
        thread = polls(more)
        thread.wanted.set()
        await thread.getmany(set(PLACES), 1.0)
        assert thread.wanted.is_set() == still_wanted

    asyncio.run(run())


async def send(address: str, posts: int) -> None:
    async with AIOKafkaProducer(bootstrap_servers=address) as producer:
        for number in range(posts):
            await producer.send(POSTS.name, b"%d" % number, partition=number % 2)
        await producer.flush()


async def poll(thread: PollsOnDemand, consumer: AIOKafkaConsumer) -> list[Any]:
    fetched = await thread._fetch_records(consumer, set(PLACES), timeout=5.0, max_records=MOST)
    return [record for records in fetched.values() for record in records]


def test_what_comes_after_a_poll_stays_with_the_brokers_until_the_next(embedded: Any) -> None:
    async def run() -> None:
        async with AIOKafkaConsumer(bootstrap_servers=embedded.address, auto_offset_reset="earliest") as consumer:
            consumer.assign(PLACES)
            thread = polls()
            await send(embedded.address, 2)
            first = await poll(thread, consumer)
            while len(first) < 2:
                first += await poll(thread, consumer)
            await send(embedded.address, 4)
            await asyncio.sleep(0.3)
            assert not thread.more
            assert not consumer._fetcher._records
            later = await poll(thread, consumer)
            while len(later) < 4:
                later += await poll(thread, consumer)
            assert len(later) == 4

    asyncio.run(asyncio.wait_for(run(), 30))


def test_while_there_is_more_than_a_poll_takes_it_is_read_ahead(embedded: Any) -> None:
    async def run() -> None:
        async with AIOKafkaConsumer(bootstrap_servers=embedded.address, auto_offset_reset="earliest") as consumer:
            await send(embedded.address, 4 * MOST)
            consumer.assign(PLACES)
            thread = polls()
            assert len(await poll(thread, consumer)) == MOST
            assert thread.more
            assert not consumer.paused()

    asyncio.run(asyncio.wait_for(run(), 30))


def test_one_poll_is_one_event_of_records_by_partition() -> None:
    records = {
        place: [SimpleNamespace(offset=place.partition + step, timestamp=7, timestamp_type=0) for step in (1, 2)]
        for place in PLACES
    }
    ((place, event),) = PollAsEvent().iterate(records)
    assert (place, event.offset) == (PLACES[0], 2)
    assert event.value == {0: records[PLACES[0]], 1: records[PLACES[1]]}
    assert not list(PollAsEvent().iterate({}))


@given(st.lists(st.integers(1, MOST), min_size=1, max_size=8))
def test_what_was_fetched_meanwhile_goes_with_a_small_fetch_in_order_and_none_is_left_out(sizes: list[int]) -> None:
    ends = list(accumulate(sizes, initial=0))
    fetches: list[Any] = [{0: list(range(first, stop))} for first, stop in pairwise(ends)]
    queue: asyncio.Queue[Any] = asyncio.Queue()
    for later in fetches[1:]:
        queue.put_nowait(SimpleNamespace(value=later))
    batch: list[Any] = list(with_waiting(fetches[0], queue, MOST)[0])
    left = [record for _ in range(queue.qsize()) for record in queue.get_nowait().value[0]]
    assert batch + left == list(range(ends[-1]))
    assert len(batch) <= MOST + MOST // 2
    assert len(batch) > MOST // 2 or not left
    assert len(batch) == sizes[0] or sizes[0] <= MOST // 2
