"""Batches under way at once: in order within a partition, few, and none forgotten."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.overlap import Overlap


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=20), st.integers(1, 4))
def test_work_of_a_partition_keeps_its_order_and_no_more_is_under_way_than_allowed(
    work: list[tuple[int, int]], limit: int
) -> None:
    begun: list[tuple[int, int]] = []
    ended: list[tuple[int, int]] = []

    async def step(partition: int, number: int, waits: int) -> None:
        begun.append((partition, number))
        assert len(begun) - len(ended) <= limit
        for _ in range(waits):
            await asyncio.sleep(0)
        ended.append((partition, number))

    async def run() -> None:
        async with Overlap(limit) as overlap:
            for number, (partition, waits) in enumerate(work):
                await overlap.start(partition, step(partition, number, waits))
            await overlap.drained()
            assert len(ended) == len(work)

    asyncio.run(run())
    for partition in range(3):
        of_partition = [number for where, number in ended if where == partition]
        assert of_partition == sorted(of_partition)


def test_partitions_do_not_wait_for_each_other() -> None:
    async def run() -> None:
        second = asyncio.Event()

        async def first_waits() -> None:
            await second.wait()

        async def then_goes() -> None:
            second.set()

        async with Overlap(2) as overlap:
            await overlap.start(0, first_waits())
            await overlap.start(1, then_goes())

    asyncio.run(asyncio.wait_for(run(), 5))


def test_a_failure_ends_whoever_waits_for_more_work() -> None:
    async def fails() -> None:
        raise ZeroDivisionError

    async def run() -> None:
        async with Overlap(2) as overlap:
            await overlap.start(0, fails())
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(asyncio.wait_for(run(), 5))
    assert isinstance(caught.value.exceptions[0], ZeroDivisionError)


def test_draining_does_not_raise_what_the_work_raised() -> None:
    async def fails() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    async def work(overlap: Overlap) -> None:
        async with overlap:
            await overlap.start(0, fails())
            await asyncio.Event().wait()

    async def run() -> None:
        overlap = Overlap(1)
        with pytest.raises(ExceptionGroup):
            await work(overlap)
        await overlap.drained()

    asyncio.run(run())
