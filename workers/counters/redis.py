"""Counters in Redis or Valkey: one script call a batch."""

from __future__ import annotations

import asyncio
import hashlib
import struct
import time
from importlib import resources
from typing import Any

from hiredis import pack_command
from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import NoScriptError, RedisError, ResponseError

from workers.campaigns import finding
from workers.campaigns.finding import FindRequest, Found, FoundBefore
from workers.counters.store import MEMBERS_A_PANE, Applied, CountersUnavailable, Redelivered, Request, StaleEpoch


def _script(*parts: str) -> tuple[str, str]:
    """A script that begins with the guard, and its digest."""
    files = (resources.files("workers").joinpath(part) for part in ("counters/guard.lua", *parts))
    text = "".join(file.read_text("utf-8") for file in files)
    return text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


_APPLY, _FIND = _script("counters/apply.lua"), _script("campaigns/alike.lua", "campaigns/find.lua")
_FIND_CONSTANTS = struct.pack(
    "<9I",
    finding.KEYS,
    finding.SLOTS,
    finding.LEAST_VOTES,
    finding.CANDIDATES,
    finding.MEMBERS_COMPARED,
    finding.LEAST_SAME,
    finding.LEAST_EVIDENCE,
    finding.SAMPLES,
    finding.LINKS,
)


class RedisStore:
    """The store that workers share.

    All keys carry the hash tag `{namespace}`: on a cluster they are in one slot, so that one script may touch them.
    Two consumer groups that both see every post need a namespace each, or they count each post twice.

    url: `redis://` or `rediss://` (TLS, host name checked), with user, password and database in it as usual.
    timeout_seconds: how long a call may take altogether, a second try after a lost connection included.

    Raises:
        ValueError: the namespace is empty or has braces in it, or the URL is not one of Redis.
    """

    def __init__(
        self, url: str, namespace: str = "sluicegate", timeout_seconds: float = 1.0, **connection: Any
    ) -> None:
        if not namespace or set(namespace) & set("{}"):
            raise ValueError(f"namespace {namespace!r}: it must not be empty and must have no braces in it")
        self._prefix = f"{{{namespace}}}:"
        self._timeout = timeout_seconds
        # Each call has its time-out around it, so that none is needed around each read and write.
        self._pool = ConnectionPool.from_url(
            url,
            retry=Retry(NoBackoff(), 1, supported_errors=(LostConnection,)),
            socket_timeout=None,
            socket_connect_timeout=timeout_seconds,
            socket_read_size=1 << 20,
            **connection,
        )
        self._asked: list[tuple[tuple[Any, ...], asyncio.Future[Any]]] = []
        self._sending: set[asyncio.Task[None]] = set()

    async def claim(self, guard: str, guard_ttl_seconds: int) -> int:
        name = self._prefix + guard
        epoch = int(await self._call("HINCRBY", name, "epoch", 1))
        await self._call("EXPIRE", name, guard_ttl_seconds)
        return epoch

    async def apply(self, request: Request) -> Applied | Redelivered:
        status, value, *stored = await self._run("apply", request)
        if status == b"applied":
            return Applied(bytes(value), int(stored[0]))
        return Redelivered(int(value), tuple(zip(map(bytes, stored[::2]), map(bytes, stored[1::2]), strict=True)))

    async def peek(self, request: Request) -> bytes:
        return bytes((await self._run("peek", request))[1])

    async def find(self, request: FindRequest) -> Found | FoundBefore:
        status, value, *answers = await self._script(
            _FIND,
            [self._prefix + request.guard],
            request.epoch,
            request.epoch,
            request.committed,
            request.first,
            request.last,
            request.guard_ttl_seconds,
            self._prefix + request.space,
            request.ttl_seconds,
            request.least_accounts,
            ",".join(map(str, request.blocks)),
            ",".join(map(str, request.key_counts)),
            request.keys,
            request.numbers,
            request.offsets,
            request.heads,
            request.posts,
            request.slots,
            request.values,
            request.samples,
            _FIND_CONSTANTS,
        )
        if status == b"found":
            return Found(bytes(value))
        return FoundBefore(int(value), tuple(map(bytes, answers)))

    async def ping(self) -> None:
        await self._call("PING")

    async def close(self) -> None:
        for sending in self._sending:
            sending.cancel()
        for _, waiting in self._asked:
            waiting.cancel()
        self._asked = []
        await self._pool.aclose()

    async def _run(self, mode: str, request: Request) -> list[Any]:
        cells = request.cells
        arguments = (
            mode,
            request.epoch,
            request.committed,
            request.first,
            request.last,
            request.guard_ttl_seconds,
            MEMBERS_A_PANE,
            self._prefix,
            ",".join(cells.identities),
            cells.segments,
            cells.count_segments,
            cells.keys,
            cells.additions,
            request.recipe,
        )
        return await self._script(_APPLY, [self._prefix + request.guard], request.epoch, *arguments)

    async def _script(self, script: tuple[str, str], names: list[str], epoch: int, *arguments: Any) -> list[Any]:
        text, sha = script
        answer: list[Any]
        try:
            answer = await self._call("EVALSHA", sha, len(names), *names, *arguments)
        except NoScriptError:
            answer = await self._call("EVAL", text, len(names), *names, *arguments)
        if answer[0] == b"stale":
            raise StaleEpoch(epoch, int(answer[1]))
        return answer

    async def _call(self, *command: Any) -> Any:
        begun = time.monotonic()
        try:
            return await self._ask(*command)
        except CountersUnavailable:
            # So much more time went by that this process must have been stopped or starved: Redis is not to blame.
            if time.monotonic() - begun < 2 * self._timeout:
                raise
            return await self._ask(*command)

    async def _ask(self, *command: Any) -> Any:
        """What the server answers. All that is asked in one turn of the event loop is sent at once: the calls for the
        partitions of a batch, which would cost this process as much as their contents if each went by itself."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked.append((command, answer))
        if len(self._asked) == 1:
            sending = asyncio.create_task(self._send())
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)
        return await answer

    async def _send(self) -> None:
        asked, self._asked = self._asked, []
        answers: list[Any]
        try:
            async with asyncio.timeout(self._timeout):
                answers = await self._answers([pack_command(command) for command, _ in asked])
        except asyncio.CancelledError:
            for _, waiting in asked:
                waiting.cancel()
            raise
        except Exception as error:
            answers = [error] * len(asked)
        for (_, waiting), answer in zip(asked, answers, strict=True):
            if waiting.done():
                continue
            if isinstance(answer, Exception):
                waiting.set_exception(self._told(answer))
            else:
                waiting.set_result(answer)

    async def _answers(self, commands: list[bytes]) -> list[Any]:
        """The answer to each packed command, or the error that it is refused with.

        What redis-py calls a pipeline does the same for several times the processor time.
        """
        connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        try:
            try:
                return await _exchanged(connection, commands)
            except LostConnection:
                # The guard makes a second try safe. A time-out is not tried again: the caller has waited enough.
                return await _exchanged(connection, commands)
        finally:
            await self._pool.release(connection)

    def _told(self, error: Exception) -> Exception:
        if isinstance(error, NoScriptError) or not isinstance(error, (RedisError, OSError, TimeoutError)):
            return error
        reason = str(error) or f"no answer in {self._timeout:g} s"
        unavailable = CountersUnavailable(f"{type(error).__name__}: {reason}")
        unavailable.__cause__ = error
        return unavailable


async def _exchanged(connection: AbstractConnection, commands: list[bytes]) -> list[Any]:
    await connection.send_packed_command(commands, check_health=False)
    answers: list[Any] = []
    for _ in commands:
        try:
            answers.append(await connection.read_response())
        except ResponseError as refusal:
            answers.append(refusal)
    return answers
