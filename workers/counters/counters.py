"""The policy's counters: a batch in, a reading for each post and counter out, counted once whatever is redelivered."""

from __future__ import annotations

import asyncio
import copy
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workers.campaigns.campaigns import DEFAULT_SCOPE, Campaigns, Guard, Scope, find
from workers.counters.plan import Keys, Measured, Plan
from workers.counters.spec import CounterSpec
from workers.counters.store import Applied, CountersUnavailable, Request, Store

if TYPE_CHECKING:
    from workers.campaigns.texts import Texts

GRACE_SECONDS = 3_600
GUARD_SECONDS = 7 * 86_400
"""The guard outlives at least a week without posts, and in any case the counts it guards."""


@dataclass(frozen=True, slots=True)
class Readings:
    """What the counters say of each post of a batch, by counter name."""

    values: dict[str, NDArray[np.uint32]]
    """(n,): posts or members in the window that ends with the post's pane, the post itself included."""
    known: dict[str, NDArray[np.bool_]]
    """(n,): False where the reading is null: the post has no such key, or was first counted without this counter."""
    replayed: int
    """Posts that had been applied before and read what they read then."""
    peeked: int
    """Posts that had been applied before but whose readings are gone (offsets were set back): they read the counters
    as they stand now and are not counted again."""
    lost: bool = False
    """The store knows less than it did: it was emptied, or set back. Counts begin from what it has."""
    earlier: dict[str, NDArray[np.intp]] = field(default_factory=dict)
    """Rows of posts that were first read for another policy, by its name."""
    campaigns: Campaigns | None = None
    """The posts' campaigns, where their texts were given."""


class Counters:
    """The counters of one policy.

    specs: may be empty: then no call is made. Two that differ by name only are counted once.
    source: what partitions belong to, such as "group/topic"; guards of different sources do not meet.
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
        self._guard_seconds = max(GUARD_SECONDS, 2 * longest // 1000 + 1 + grace_seconds)
        # A later batch that overtook an earlier one on another connection would leave it uncounted.
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
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
        partition: int,
        offsets: NDArray[np.int64],
        times: NDArray[np.int64],
        keys: Keys,
        committed: int,
        texts: Texts | None = None,
    ) -> Readings:
        """Count the posts of one partition that have not been counted, and read the counters for all of them.

        offsets: int64 (n,), ascending. times: int64 (n,), each post's own time, milliseconds since the epoch.
        keys: uint64 (n,) for every column the counters name, 0 is none; `campaign` is taken from the texts if given.
        committed: offsets below it are committed and never come again; what was kept to answer for them is dropped.

        Raises:
            CountersUnavailable: decide without counters. The batch may have been applied; the same posts may be
                asked for again, and later ones need not wait for them.
            StaleEpoch: a newer owner has counted: this worker must stop.
        """
        result = _Result(self._specs, len(offsets))
        if texts is not None:
            result.campaigns = Campaigns.none(len(offsets))
        if len(offsets) and (self._specs or texts):
            async with self._turns[partition]:
                try:
                    await self._ask(result, partition, offsets, times, keys, int(committed), texts)
                except CountersUnavailable:
                    # What was committed meanwhile need not have been counted: its absence is no loss.
                    self._applied.setdefault(partition, -1)
                    raise
        return result.readings()

    async def _ask(
        self,
        result: _Result,
        partition: int,
        offsets: NDArray[np.int64],
        times: NDArray[np.int64],
        keys: Keys,
        committed: int,
        texts: Texts | None,
    ) -> None:
        epoch = await self._epoch(partition)
        if texts is not None:
            guard = Guard(self._guard(partition), self._guard_seconds, epoch, committed)
            result.campaigns = await find(self._store, self._scope, guard, offsets, texts, self._grace_seconds)
            keys = {**keys, "campaign": result.campaigns.ids}
        if self._specs:
            plan = Plan(self._counted, offsets, times, keys, self._policy)
            await self._fill(result, partition, plan, committed, epoch)

    async def _fill(self, result: _Result, partition: int, plan: Plan, committed: int, epoch: int) -> None:
        rows = np.arange(len(plan.offsets))
        while True:
            request = self._request(partition, plan, committed, epoch)
            answer = await self._store.apply(request)
            if isinstance(answer, Applied):
                result.take(rows, plan.read(answer.old))
                result.lost |= answer.before < self._applied.get(partition, -1 if committed == 0 else 0)
                self._applied[partition] = request.last
                return
            self._applied[partition] = answer.applied
            missing = plan.offsets <= answer.applied
            for recipe, old in answer.stored:
                before = Plan.from_recipe(recipe)
                shared, here, there = np.intersect1d(
                    plan.offsets, before.offsets, assume_unique=True, return_indices=True
                )
                result.take(rows[here], before.read(old), there)
                result.replayed += len(shared)
                if before.policy != self._policy:
                    result.earlier[before.policy] = rows[here]
                missing[here] = False
            if missing.any():
                gone = plan.rows(np.flatnonzero(missing))
                old = await self._store.peek(self._request(partition, gone, committed, epoch))
                result.take(rows[missing], gone.read(old, counted=False))
                result.peeked += int(missing.sum())
            later = np.flatnonzero(plan.offsets > answer.applied)
            if len(later) == 0:
                return
            rows, plan = rows[later], plan.rows(later)

    def _request(self, partition: int, plan: Plan, committed: int, epoch: int) -> Request:
        return Request(
            guard=self._guard(partition),
            guard_ttl_seconds=self._guard_seconds,
            epoch=epoch,
            committed=committed,
            first=int(plan.offsets[0]),
            last=int(plan.offsets[-1]),
            cells=plan.cells(self._grace_seconds),
            recipe=plan.recipe(),
        )


class _Result:
    """Readings while they come in."""

    def __init__(self, specs: Sequence[CounterSpec], posts: int) -> None:
        self._specs = specs
        self._values = {spec.name: np.zeros(posts, np.uint32) for spec in specs}
        self._known = {spec.name: np.zeros(posts, np.bool_) for spec in specs}
        self.replayed = 0
        self.peeked = 0
        self.lost = False
        self.earlier: dict[str, NDArray[np.intp]] = {}
        self.campaigns: Campaigns | None = None

    def take(
        self,
        rows: NDArray[np.intp],
        measured: dict[str, Measured],
        source: NDArray[np.intp] | slice = slice(None),
    ) -> None:
        """Set these rows from the measured ones at `source`. A counter not measured then stays null."""
        for spec in self._specs:
            if spec.identity in measured:
                self._values[spec.name][rows] = measured[spec.identity].values[source]
                self._known[spec.name][rows] = measured[spec.identity].known[source]

    def readings(self) -> Readings:
        return Readings(self._values, self._known, self.replayed, self.peeked, self.lost, self.earlier, self.campaigns)
