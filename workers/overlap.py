"""Several batches on their way at once: while one waits for Redis or the brokers, another is scored."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")


async def nothing() -> None:
    """Do nothing."""


class Overlap:
    """Runs work side by side, and ends it in the order in which it began.

    Use it as an async context manager. When a piece of work raises, the rest is cancelled, and so is whoever is inside
    the `async with`; leaving it then raises an ExceptionGroup.
    """

    def __init__(self, limit: int) -> None:
        """At most `limit` pieces of work are under way."""
        self._free = asyncio.Semaphore(limit)
        self._under_way: set[asyncio.Task[None]] = set()
        self._last: asyncio.Task[None] | None = None
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Overlap:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._group.__aexit__(kind, error, trace)

    async def room(self) -> None:
        """Return when one more piece of work could start at once."""
        async with self._free:
            pass

    async def start(
        self,
        work: Coroutine[Any, Any, T],
        end: Callable[[T], Awaitable[None]],
        turn: Callable[[], Awaitable[None]] = nothing,
    ) -> None:
        """Start `work` once there is room for it. Its result goes to `end` when all that began before has ended.

        turn: called as soon as that is so, while `work` goes on; `end` waits for it.
        """
        await self._free.acquire()
        task = self._group.create_task(self._run(work, end, turn, self._last))
        self._last = task
        self._under_way.add(task)
        task.add_done_callback(self._done)

    async def _run(
        self,
        work: Coroutine[Any, Any, T],
        end: Callable[[T], Awaitable[None]],
        turn: Callable[[], Awaitable[None]],
        before: asyncio.Task[None] | None,
    ) -> None:
        taken = self._group.create_task(_take(turn, before))
        result = await work
        await taken
        await end(result)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._free.release()

    async def drained(self) -> None:
        """Return when nothing is under way, whether it went well or not."""
        while self._under_way:
            await asyncio.wait(self._under_way)


async def _take(turn: Callable[[], Awaitable[None]], before: asyncio.Task[None] | None) -> None:
    if before is not None:
        # A failure of what came before cancels this task as well: the group sees to it.
        await asyncio.wait([before])
        before.result()
    await turn()
