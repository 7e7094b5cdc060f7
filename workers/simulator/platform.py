"""The platform as a stream: blocks of posts in order of time, with their scenes, ordinary traffic and truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from workers.simulator import innocent, planted
from workers.simulator.clock import Clock
from workers.simulator.malformed import malformed
from workers.simulator.ordinary import Crowd
from workers.simulator.record import Record, links_in
from workers.simulator.society import Society
from workers.simulator.stage import Draft, Stage

BLOCK = 20_000
POSTS_PER_AUTHOR = 10
_ENDLESS = 400_000  # posts that the population of an endless stream is made for
START_MS = 1_793_586_600_000  # 2026-11-02T02:30:00Z
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Block:
    """Lines in order of `created_at`, as columns. `values` holds no newline; `ids` has None where no id can be read;
    `details` names the hard negative of an ordinary post, or how a malformed one is broken."""

    keys: list[bytes]
    values: list[bytes]
    truths: list[str]
    ids: list[str | None]
    details: list[str | None]


class Simulator:
    """The same seed, count and start give the same bytes. `count` None never ends. Every block of about
    20,000 posts has its own campaign, ring, flood and so on, so rates hold for any count."""

    def __init__(self, seed: int, count: int | None = None, start_ms: int = START_MS) -> None:
        self._seed, self._count, self._start_ms = seed, count, start_ms

    def lines(self) -> Iterator[tuple[bytes, bytes, str]]:
        """Key (the author's id), value and truth of each line."""
        for block in self.blocks():
            yield from zip(block.keys, block.values, block.truths, strict=True)

    def blocks(self) -> Iterator[Block]:
        planned = _ENDLESS if self._count is None else self._count
        # A short stream is a short look at the same platform, not a small platform where everybody posts all the time.
        authors = min(max(planned, BLOCK), 1_000_000) // POSTS_PER_AUTHOR
        society = Society(authors, self._seed, self._start_ms)
        prefix = f"p{self._seed:x}-"
        clock, crowd = Clock(self._start_ms), Crowd(society, prefix)
        first = 0
        for number, size in enumerate(self._sizes()):
            rng = np.random.default_rng([self._seed, number])
            times = clock.next(size, rng)
            society.now_ms = int(times[0])
            stage = Stage(society, times, first, prefix, size / BLOCK, rng)
            broken = stage.take(stage.volume(40, 3))
            drafts = [draft for scene in (*planted.SCENES, *innocent.SCENES) for draft in scene(stage)]
            yield _assemble(stage, drafts, broken, crowd, first, prefix)
            first += size

    def _sizes(self) -> Iterator[int]:
        if self._count is None:
            while True:
                yield BLOCK
        blocks = max(1, round(self._count / BLOCK))
        edges = np.linspace(0, self._count, blocks + 1).astype(int)
        yield from (int(size) for size in np.diff(edges) if size)


def _assemble(stage: Stage, drafts: list[Draft], broken: list[int], crowd: Crowd, first: int, prefix: str) -> Block:
    n = len(stage.times)
    casting = {draft.position: draft for draft in drafts}
    rest: NDArray[np.int64] = np.setdiff1d(np.arange(n), np.fromiter(casting, np.int64, len(casting)))
    records, authors, notes = crowd.write(first + rest, stage.times[rest], stage.rng)
    values: list[bytes] = [b""] * n
    keys: list[bytes] = [b""] * n
    truths = ["ordinary"] * n
    details: list[str | None] = [None] * n
    ids: list[str | None] = [f"{prefix}{number}" for number in range(first, first + n)]
    for i, record, author, note in zip(rest.tolist(), records, authors.tolist(), notes, strict=True):
        values[i], keys[i], details[i] = _encode(record), author, note
    for i, draft in casting.items():
        record = _record(draft, f"{prefix}{first + i}", int(stage.times[i]))
        values[i], keys[i] = _encode(record), draft.account.id.encode()
        truths[i], details[i] = draft.truth, draft.detail
    for i in broken:
        values[i], details[i] = malformed(values[i], stage.rng)
        truths[i], ids[i] = "malformed", None
    return Block(keys, values, truths, ids, details)


def _record(draft: Draft, id: str, time: int) -> Record:
    account = draft.account
    return Record(
        id,
        draft.text,
        account.author,
        time,
        draft.kind,
        draft.reply_to,
        links_in(draft.text),
        account.ip,
        account.device,
        account.lang,
        draft.media,
    )
