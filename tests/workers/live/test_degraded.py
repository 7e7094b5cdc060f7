"""Telling that posts are decided without counters, while a run goes on."""

from __future__ import annotations

import asyncio

import pytest

from workers.live import degraded
from workers.live.degraded import CALM_LOOKS, Degraded, tell, way_out
from workers.terminal.pictures import recording


async def told(looks: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch, lost: bool = False) -> list[str]:
    """The lines of a run that has decided so many posts, so many of them without counters, at each look."""
    posts, lacking, waiting = 0, Degraded(), iter(looks)
    done = asyncio.Event()

    async def look(_: float) -> None:
        nonlocal posts
        if (seen := next(waiting, None)) is None:
            done.set()
            await asyncio.Event().wait()
            return
        posts = seen[0]
        while lacking.count < seen[1]:
            lacking.add(lacking.count * 1_000)

    async def fault() -> str:
        return "Redis r cannot be used (gone)"

    monkeypatch.setattr(degraded.asyncio, "sleep", look)
    console = recording()
    task = asyncio.create_task(tell(console, lacking, lambda: posts, fault, own=True, lost=lost))
    await done.wait()
    task.cancel()
    return console.export_text().splitlines()


def test_a_loss_is_told_once_and_so_is_the_return(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [(10, 0), (20, 4), (30, 8), *((40 + look, 8) for look in range(CALM_LOOKS + 3))]
    lines = asyncio.run(told(looks, monkeypatch))
    assert [line.split(":")[2] if "WITHOUT" in line else line for line in lines] == [
        "03 WITHOUT COUNTERS",
        way_out("Redis r cannot be used (gone)", own=True),
        "counters are back: 8 posts decided without counters, 00:00:00 to 00:00:07 UTC",
    ]


def test_while_nothing_is_decided_counters_are_not_called_back(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = asyncio.run(told([(20, 4), *[(20, 4)] * (2 * CALM_LOOKS)], monkeypatch))
    assert not any("are back" in line for line in lines)


def test_what_was_told_before_the_first_post_is_not_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asyncio.run(told([(10, 10), (20, 20)], monkeypatch, lost=True)) == []


def test_with_workers_elsewhere_their_own_redis_is_pointed_at() -> None:
    assert "Redis of the workers" in way_out("", own=False)
