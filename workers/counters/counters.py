"""The policy's counters: a batch in, a reading for each post and counter out, counted once whatever is redelivered."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workers.campaigns.campaigns import DEFAULT_SCOPE, Campaigns, Guard, Scope, find
from workers.counters.plan import Keys, Measured, Plan
from workers.counters.spec import CounterSpec
from workers.counters.store import Applied, Cells, CountersUnavailable, Redelivered, Request, Store

if TYPE_CHECKING:
    from workers.batch import Part
    from workers.campaigns.texts import Texts

GRACE_SECONDS = 3_600
GUARD_SECONDS = 7 * 86_400
"""The guard outlives at least a week without posts, and in any case the counts it guards."""


@dataclass(slots=True)
class Readings:
    """What the counters say of each post of a batch, by counter name."""

    values: dict[str, NDArray[np.uint32]]
    """(n,): posts or members in the window that ends with the post's pane, the post itself included."""
    known: dict[str, NDArray[np.bool_]]
    """(n,): False where the reading is null: the post has no such key, was first counted without this counter, or is of
    a partition that is `unread`."""
    campaigns: Campaigns
    """The posts' campaigns; of those whose texts were not given, none."""
    replayed: int = 0
    """Posts that had been applied before and read what they read then."""
    peeked: int = 0
    """Posts that had been applied before but whose readings are gone (offsets were set back): they read the counters
    as they stand now and are not counted again."""
    lost: list[int] = field(default_factory=list)
    """Partitions of which the store knows less than it did: it was emptied, or set back. Counts begin from what it
    has."""
    earlier: dict[str, list[NDArray[np.intp]]] = field(default_factory=dict)
    """Rows of posts that were first read for another policy, by its name."""
    unread: dict[int, CountersUnavailable] = field(default_factory=dict)
    """Partitions whose posts have to be decided without counters, and why. They may have been counted; the same posts
    may be asked for again, and later ones need not wait for them."""

    @classmethod
    def none(cls, specs: Sequence[CounterSpec], posts: int) -> Readings:
        """Nothing is known of any post."""
        return cls(
            {spec.name: np.zeros(posts, np.uint32) for spec in specs},
            {spec.name: np.zeros(posts, np.bool_) for spec in specs},
            Campaigns.none(posts),
        )

    def take(
        self,
        specs: Sequence[CounterSpec],
        rows: NDArray[np.intp] | slice,
        measured: dict[str, Measured],
        source: NDArray[np.intp] | slice = slice(None),
    ) -> None:
        """Set these rows from the measured ones at `source`. A counter not measured then stays null."""
        for spec in specs:
            if spec.identity in measured:
                self.values[spec.name][rows] = measured[spec.identity].values[source]
                self.known[spec.name][rows] = measured[spec.identity].known[source]


class Counters:
    """The counters of one policy.

    specs: may be empty: then nothing is counted. Two that differ by name only are counted once.
    source: what partitions belong to: the topic. Guards of different sources do not meet.
    policy: names the policy that the readings are for; a redelivered post is told to have been read for another.
    grace_seconds: a count is kept for twice its window and this long after it was last added to. That is how far
        posts may come late, or the worker lag or stand still, before a reading comes out too low; memory for it is
        the keys seen in that time.
    scope: what a campaign is; asked for posts whose texts are given.
    """

    def __init__(
        self,
        specs: Sequence[CounterSpec],
        store: Store,
        *,
        source: str = "posts",
        policy: str = "",
        grace_seconds: int = GRACE_SECONDS,
        scope: Scope = DEFAULT_SCOPE,
    ) -> None:
        self._count_for(specs)
        self._store = store
        self._source = source
        self._policy = policy
        self._grace_seconds = grace_seconds
        self._scope = scope
        longest = max((scope.window_ms, *(spec.window_ms for spec in specs)))
        # Hashes may live a thirty-second longer than they must.
        self._guard_seconds = max(GUARD_SECONDS, (2 * longest // 1000 + 1 + grace_seconds) * 33 // 32 + 1)
        # A later batch that overtook an earlier one on another connection would leave it uncounted. Each of the two
        # calls has a lock of its own: a batch is looked up while the one before it is counted.
        self._finding, self._counting = asyncio.Lock(), asyncio.Lock()
        self._epochs: dict[int, int] = {}
        self._applied: dict[int, int] = {}

    def _count_for(self, specs: Sequence[CounterSpec]) -> None:
        self._specs = tuple(specs)
        self._counted = tuple({spec.identity: spec for spec in specs}.values())

    def under(self, specs: Sequence[CounterSpec], policy: str) -> Counters:
        """The same counters, of the same owner, as another policy declares them."""
        other = copy.copy(self)
        other._count_for(specs)
        other._policy = policy
        return other

    async def ping(self) -> None:
        """Return when the store has answered, or at once where nothing is counted. Raises CountersUnavailable."""
        if self._specs:
            await self._store.ping()

    async def claim(self, partitions: Collection[int]) -> None:
        """Become the owner of these partitions, and of no others: whoever owned them before can count no more.

        Raises:
            CountersUnavailable: those that could not be claimed are when they are first counted.
        """
        self._epochs.clear()
        self._applied.clear()
        if self._specs:
            await asyncio.gather(*(self._epoch(partition) for partition in partitions))

    async def _epoch(self, partition: int) -> int:
        if partition not in self._epochs:
            self._epochs[partition] = await self._store.claim(self._guard(partition), self._guard_seconds)
        return self._epochs[partition]

    def _guard(self, partition: int) -> str:
        return f"guard:{self._source}:{partition}"

    async def apply(
        self,
        parts: Sequence[Part],
        offsets: NDArray[np.int64],
        times: NDArray[np.int64],
        keys: Keys,
        texts: Texts | None = None,
    ) -> Readings:
        """Count the posts that have not been counted, and read the counters for all of them.

        parts: the partitions, and which rows are of each. Offsets below what is committed of one never come again;
            what was kept to answer for them is dropped.
        offsets: int64 (n,), ascending in each partition. times: int64 (n,), each post's own time, milliseconds since
            the epoch.
        keys: uint64 (n,) for every column the counters name, 0 is none; `campaign` is taken from the texts if given.

        Raises:
            StaleEpoch: a newer owner of a partition has counted: this worker must stop.
        """
        readings = Readings.none(self._specs, len(offsets))
        if parts and texts is not None:
            begins = texts.rows.searchsorted([parts[0].start, *(part.stop for part in parts)]).tolist()
            asked = [part for part, (first, stop) in zip(parts, pairwise(begins), strict=True) if first < stop]
            async with self._finding:
                await self._each(readings, asked, lambda part: self._find(readings.campaigns, part, offsets, texts))
            keys = {**keys, "campaign": readings.campaigns.ids}
        if parts and self._specs:
            await self._count(readings, parts, offsets, times, keys)
        return readings

    async def _count(
        self,
        readings: Readings,
        parts: Sequence[Part],
        offsets: NDArray[np.int64],
        times: NDArray[np.int64],
        keys: Keys,
    ) -> None:
        plan = Plan(self._counted, offsets, times, keys, self._policy, [parts[0].start, *(part.stop for part in parts)])
        asked = dict(zip(parts, zip(plan.cells(self._grace_seconds), plan.recipes(), strict=True), strict=True))
        applied: dict[Part, bytes] = {}

        async def ask(part: Part) -> None:
            request = await self._request(part, offsets[part.rows], *asked[part])
            answer = await self._store.apply(request)
            if isinstance(answer, Applied):
                self._note(readings, part, answer, request)
                applied[part] = answer.old
            else:
                await self._replay(readings, part, plan.rows(part.rows), answer)

        async with self._counting:
            await self._each(readings, parts, ask)
        if applied:
            measured = plan.read([applied.get(part) for part in parts])
            if len(applied) == len(parts):
                readings.values = {spec.name: measured[spec.identity].values for spec in self._specs}
                readings.known = {spec.name: measured[spec.identity].known for spec in self._specs}
            else:
                for rows in (part.rows for part in applied):
                    readings.take(self._specs, rows, measured, rows)

    async def _each(
        self, readings: Readings, parts: Sequence[Part], ask: Callable[[Part], Coroutine[Any, Any, None]]
    ) -> None:
        """Ask for each partition that can be read, side by side; note those that cannot."""
        asked = [part for part in parts if part.partition not in readings.unread]
        answers = await asyncio.gather(*map(ask, asked), return_exceptions=True)
        for part, answer in zip(asked, answers, strict=True):
            if isinstance(answer, CountersUnavailable):
                readings.unread[part.partition] = answer
                # What was committed meanwhile need not have been counted: its absence is no loss.
                self._applied.setdefault(part.partition, -1)
            elif answer is not None:
                raise answer

    async def _find(self, campaigns: Campaigns, part: Part, offsets: NDArray[np.int64], texts: Texts) -> None:
        epoch = await self._epoch(part.partition)
        guard = Guard(self._guard(part.partition), self._guard_seconds, epoch, part.committed)
        own = texts.part(part.start, part.stop)
        found = await find(self._store, self._scope, guard, offsets[part.rows], own, self._grace_seconds)
        campaigns.place(part.start, found)

    async def _replay(self, readings: Readings, part: Part, plan: Plan, answer: Redelivered) -> None:
        """Read what the part's posts read when they were first counted, and count those that were not."""
        rows = np.arange(part.start, part.stop)
        while True:
            self._applied[part.partition] = answer.applied
            missing = plan.offsets <= answer.applied
            for recipe, old in answer.stored:
                before = Plan.from_recipe(recipe)
                shared, here, there = np.intersect1d(
                    plan.offsets, before.offsets, assume_unique=True, return_indices=True
                )
                readings.take(self._specs, rows[here], before.read([old]), there)
                readings.replayed += len(shared)
                if before.policy != self._policy:
                    readings.earlier.setdefault(before.policy, []).append(rows[here])
                missing[here] = False
            if missing.any():
                gone = plan.rows(missing.nonzero()[0])
                old = await self._store.peek(await self._request_of(part, gone))
                readings.take(self._specs, rows[missing], gone.read([old], counted=False))
                readings.peeked += int(missing.sum())
            later = (plan.offsets > answer.applied).nonzero()[0]
            if len(later) == 0:
                return
            rows, plan = rows[later], plan.rows(later)
            request = await self._request_of(part, plan)
            again = await self._store.apply(request)
            if isinstance(again, Applied):
                self._note(readings, part, again, request)
                readings.take(self._specs, rows, plan.read([again.old]))
                return
            answer = again

    def _note(self, readings: Readings, part: Part, answer: Applied, request: Request) -> None:
        if answer.before < self._applied.get(part.partition, -1 if part.committed == 0 else 0):
            readings.lost.append(part.partition)
        self._applied[part.partition] = request.last

    async def _request_of(self, part: Part, plan: Plan) -> Request:
        """What the store is asked about a plan for posts of one partition."""
        return await self._request(part, plan.offsets, plan.cells(self._grace_seconds)[0], plan.recipes()[0])

    async def _request(self, part: Part, offsets: NDArray[np.int64], cells: Cells, recipe: bytes) -> Request:
        return Request(
            guard=self._guard(part.partition),
            guard_ttl_seconds=self._guard_seconds,
            epoch=await self._epoch(part.partition),
            committed=part.committed,
            first=int(offsets[0]),
            last=int(offsets[-1]),
            cells=cells,
            recipe=recipe,
        )
