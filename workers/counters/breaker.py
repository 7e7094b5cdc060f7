"""A circuit breaker: while a store does not answer, nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from workers.campaigns.finding import FindRequest, Found, FoundBefore
from workers.counters.store import Applied, CountersUnavailable, Redelivered, Request, Store

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 5.0

T = TypeVar("T")


class Breaker:
    """A store in front of another one.

    The first call that finds the store unavailable waits for its time-out; those after it are refused at once, until
    the store has answered a ping. Pings are sent in the background, at intervals that double from `first_seconds` to
    `longest_seconds`; a store that answers pings but still no calls is left alone for as long.
    """

    def __init__(
        self, store: Store, first_seconds: float = FIRST_SECONDS, longest_seconds: float = LONGEST_SECONDS
    ) -> None:
        self._store = store
        self._first, self._longest = first_seconds, longest_seconds
        self._pause = first_seconds
        self._probe: asyncio.Task[None] | None = None

    async def claim(self, guard: str, guard_ttl_seconds: int) -> int:
        return await self._through(self._store.claim(guard, guard_ttl_seconds))

    async def apply(self, request: Request) -> Applied | Redelivered:
        return await self._through(self._store.apply(request))

    async def peek(self, request: Request) -> bytes:
        return await self._through(self._store.peek(request))

    async def find(self, request: FindRequest) -> Found | FoundBefore:
        return await self._through(self._store.find(request))

    async def ping(self) -> None:
        await self._store.ping()

    async def close(self) -> None:
        if self._probe:
            self._probe.cancel()
        await self._store.close()

    async def _through(self, call: Coroutine[Any, Any, T]) -> T:
        if self._probe and not self._probe.done():
            call.close()
            raise CountersUnavailable("they did not answer before; asked again in the background")
        try:
            answer = await call
        except CountersUnavailable:
            if not self._probe or self._probe.done():
                self._probe = asyncio.create_task(self._ask_until_it_answers())
            raise
        self._pause = self._first
        return answer

    async def _ask_until_it_answers(self) -> None:
        while True:
            await asyncio.sleep(self._pause)
            self._pause = min(2 * self._pause, self._longest)
            try:
                await self._store.ping()
            except CountersUnavailable:
                continue
            return
