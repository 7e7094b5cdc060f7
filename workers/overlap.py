"""Several batches on their way at once: while one waits for Redis or the brokers, another is scored."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine
from types import TracebackType
from typing import Any


class Overlap:
    """Runs work side by side, but that of one partition in the order it came.

    Use it as an async context manager. When a piece of work raises, the rest is cancelled, and so is whoever is inside
    the `async with`; leaving it then raises an ExceptionGroup.
    """

    def __init__(self, limit: int) -> None:
        """At most `limit` pieces of work are under way."""
        self._free = asyncio.Semaphore(limit)
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._under_way: set[asyncio.Task[None]] = set()
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Overlap:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._group.__aexit__(kind, error, trace)

    async def start(self, partition: int, work: Coroutine[Any, Any, None]) -> None:
        """Start `work` once there is room for it, behind what was started for the same partition."""
        await self._free.acquire()
        task = self._group.create_task(self._in_turn(partition, work))
        self._under_way.add(task)
        task.add_done_callback(self._done)

    async def _in_turn(self, partition: int, work: Coroutine[Any, Any, None]) -> None:
        async with self._turns[partition]:
            await work

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._free.release()

    async def drained(self) -> None:
        """Return when nothing is under way, whether it went well or not."""
        while self._under_way:
            await asyncio.wait(self._under_way)
