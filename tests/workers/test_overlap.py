"""Batches under way at once: ended in the order they began, few, and none forgotten."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.overlap import Overlap, _take


@given(st.lists(st.integers(0, 3), max_size=20), st.integers(1, 4))
def test_work_ends_in_the_order_it_began_and_no_more_is_under_way_than_allowed(waits: list[int], limit: int) -> None:
    begun: list[int] = []
    ended: list[int] = []

    async def step(number: int, waits: int) -> int:
        begun.append(number)
        assert len(begun) - len(ended) <= limit
        for _ in range(waits):
            await asyncio.sleep(0)
        return number

    async def end(number: int) -> None:
        await asyncio.sleep(0)
        ended.append(number)

    async def run() -> None:
        async with Overlap(limit) as overlap:
            for number, of_step in enumerate(waits):
                await overlap.start(step(number, of_step), end)
            await overlap.drained()
            assert ended == begun == list(range(len(waits)))

    asyncio.run(run())


def test_there_is_room_as_soon_as_something_has_ended() -> None:
    async def run() -> None:
        gate = asyncio.Event()

        async def end(_: object) -> None: ...

        async with Overlap(1) as overlap:
            await overlap.room()
            await overlap.start(gate.wait(), end)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(overlap.room(), 0.01)
            gate.set()
            await asyncio.wait_for(overlap.room(), 10)

    asyncio.run(run())


def test_work_begins_while_what_began_before_it_waits() -> None:
    async def run() -> None:
        second = asyncio.Event()

        async def first_waits() -> None:
            await second.wait()

        async def then_goes() -> None:
            second.set()

        async with Overlap(2) as overlap:
            await overlap.start(first_waits(), nothing)
            await overlap.start(then_goes(), nothing)

    asyncio.run(asyncio.wait_for(run(), 5))


def test_a_turn_comes_when_all_before_has_ended_while_the_work_goes_on() -> None:
    told: list[str] = []

    async def run() -> None:
        gates = [asyncio.Event(), asyncio.Event()]

        async def step(number: int) -> int:
            await gates[number].wait()
            told.append(f"decided {number}")
            return number

        async def end(number: int) -> None:
            told.append(f"ended {number}")

        async def turn(number: int) -> None:
            told.append(f"turn of {number}")

        async with Overlap(2) as overlap:
            for number in (0, 1):
                await overlap.start(step(number), end, partial(turn, number))
            for gate in gates:
                await asyncio.sleep(0.01)
                gate.set()

    asyncio.run(asyncio.wait_for(run(), 5))
    assert told == ["turn of 0", "decided 0", "ended 0", "turn of 1", "decided 1", "ended 1"]


def test_nothing_is_ended_before_its_turn_is_taken() -> None:
    told: list[str] = []

    async def end(_: None) -> None:
        told.append("ended")

    async def turn() -> None:
        await asyncio.sleep(0.01)
        told.append("turn")

    async def run() -> None:
        async with Overlap(1) as overlap:
            await overlap.start(at_once(), end, turn)

    asyncio.run(asyncio.wait_for(run(), 5))
    assert told == ["turn", "ended"]


async def at_once() -> None:
    pass


async def nothing(_: None) -> None:
    pass


async def fails() -> None:
    raise ZeroDivisionError


def test_a_failure_ends_whoever_waits_for_more_work() -> None:
    async def run() -> None:
        async with Overlap(2) as overlap:
            await overlap.start(fails(), nothing)
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(asyncio.wait_for(run(), 5))
    assert isinstance(caught.value.exceptions[0], ZeroDivisionError)


def test_what_began_after_a_failure_is_not_ended() -> None:
    ended: list[int] = []

    async def step(number: int) -> int:
        if number == 1:
            await asyncio.sleep(0)
            raise ZeroDivisionError
        return number

    async def end(number: int) -> None:
        ended.append(number)

    async def run() -> None:
        async with Overlap(3) as overlap:
            for number in range(3):
                await overlap.start(step(number), end)

    with pytest.raises(ExceptionGroup):
        asyncio.run(asyncio.wait_for(run(), 5))
    assert ended == [0]


def test_no_turn_is_taken_behind_what_has_failed() -> None:
    turns: list[str] = []

    async def turn() -> None:
        turns.append("taken")

    async def run() -> None:
        before = asyncio.create_task(fails())
        with pytest.raises(ZeroDivisionError):
            await _take(turn, before)

    asyncio.run(run())
    assert turns == []


def test_draining_returns_after_a_failure() -> None:
    async def run() -> None:
        overlap = Overlap(2)
        with pytest.raises(ExceptionGroup):
            async with overlap:
                await overlap.start(fails(), nothing)
        await overlap.drained()

    asyncio.run(asyncio.wait_for(run(), 5))
