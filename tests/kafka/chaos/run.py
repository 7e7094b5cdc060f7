"""A run: posts flow while things break, phase by phase; then everything is read back and checked."""

from __future__ import annotations

import asyncio
import contextlib
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chaos.check import Check, Finding, Place, Record, Verdict
from chaos.readback import OUTPUTS, read_counters, read_topics
from chaos.schedule import Fault, Phase
from chaos.stage import PARTITIONS, PREFIX, Stage
from chaos.timeline import Moment

PROGRESS_SECONDS = 10.0
FIRST_POSTS = 100
SLOWER = 4


@dataclass(frozen=True)
class Part:
    """A phase that has ended: the posts up to its end, and the counters as they stood then."""

    phase: Phase
    ends: Mapping[int, int]
    counters: Mapping[str, Mapping[bytes, bytes]]

    def holds(self, place: Place) -> bool:
        """The post came before the phase's end."""
        return place[1] < self.ends.get(place[0], 0)


@dataclass(frozen=True)
class Outcome:
    """What a run showed.

    began_ms: when it began, milliseconds since the epoch; moments count from there.
    """

    seed: int
    delivery: str
    seconds: float
    posts_per_second: float
    restarts: int
    verdicts: Mapping[str, Verdict]
    moments: Sequence[Moment]
    began_ms: int
    posts: Mapping[Place, Record]

    @property
    def findings(self) -> list[Finding]:
        """Everything that is wrong, whatever phase showed it."""
        return list(dict.fromkeys(found for verdict in self.verdicts.values() for found in verdict.findings))


async def run(
    folder: Path,
    *,
    seed: int,
    posts: int,
    rate: float,
    phases: Sequence[Phase],
    workers: int = 2,
    delivery: str = "exactly_once",
) -> Outcome:
    """Play the phases and check what came out.

    Raises:
        ServiceError: something did not start, or the posts stopped being decided.
    """
    began, began_ms, parts = time.monotonic(), int(time.time() * 1_000), []
    async with Stage(folder, seed, posts, workers, {"DELIVERY": delivery}) as stage:
        # The first fault shall meet workers at work.
        await stage.feed.play(FIRST_POSTS)
        await stage.drained()
        flowing = time.monotonic()
        left = posts - FIRST_POSTS
        for phase in phases:
            count = left if phase is phases[-1] else int(posts * phase.share)
            left -= count
            stage.timeline.note(f"phase: {phase.name} ({count} posts)")
            await _play(stage, phase.schedule(seed), count, rate)
            await stage.drained()
            stage.timeline.note(f"all {stage.feed.sent} posts are committed")
            counters = await asyncio.to_thread(read_counters, stage.valkey.port, PREFIX)
            parts.append(Part(phase, dict(stage.feed.ends), counters))
        flowed = time.monotonic() - flowing
        # What a former owner might still write has time to come.
        await asyncio.sleep(2)
        read = asyncio.to_thread(read_topics, stage.cluster.address, PARTITIONS, "posts", *OUTPUTS)
        records = await read
        restarts = stage.fleet.restarts
        stage.timeline.note(f"{len(records)} records read back")
    came = {(r.partition, r.offset): r for r in records if r.topic == "posts"}
    outputs = [record for record in records if record.topic != "posts"]
    verdicts = dict(_verdicts(parts, came, outputs, frozenset(stage.feed.malformed), delivery))
    lost = [Finding("input", place, "acknowledged by the brokers, and not there any more or altered")
            for place, checksum in stage.feed.checksums.items()
            if place not in came or zlib.crc32(came[place].value or b"") != checksum]  # fmt: skip
    verdicts[parts[-1].phase.name].findings.extend(lost)
    return Outcome(
        seed,
        delivery,
        time.monotonic() - began,
        posts / flowed,
        restarts,
        verdicts,
        stage.timeline.moments,
        began_ms,
        came,
    )


def _verdicts(
    parts: Sequence[Part],
    posts: Mapping[Place, Record],
    outputs: Sequence[Record],
    malformed: frozenset[bytes],
    delivery: str,
) -> Iterable[tuple[str, Verdict]]:
    """A verdict on all posts up to the end of each phase, with the counters as they stood then."""
    faulty: frozenset[Place] = frozenset()
    before: Part | None = None
    for part in parts:
        own = [record for place, record in posts.items() if part.holds(place)]
        if part is parts[-1]:
            # Posts that came without the platform's knowing are answered as well.
            own = list(posts.values())
        if part.phase.counters_fail:
            places = {(record.partition, record.offset) for record in own}
            faulty |= frozenset(place for place in places if before is None or not before.holds(place))
        before = part
        check = Check(
            own,
            outputs,
            malformed,
            repeats=delivery == "at_least_once",
            partial=part is not parts[-1],
            faulty=faulty,
        )
        yield part.phase.name, check.run(part.counters)


class Lane:
    """A lane on its way through its faults."""

    def __init__(self, stage: Stage, faults: Sequence[Fault], first: int, count: int) -> None:
        self._stage = stage
        self._moments = [first + fault.after * count for fault in faults]
        self._names = [fault.name for fault in faults]
        self._done = 0

    @property
    def late(self) -> bool:
        """More posts have been sent than the next fault was to wait for: something takes its time."""
        return self._done < len(self._moments) and self._stage.feed.sent > self._moments[self._done]

    async def run(self) -> None:
        """Break one thing after the other, each when its moment has come."""
        for moment, name in zip(self._moments, self._names, strict=True):
            while self._stage.feed.sent < moment:  # noqa: ASYNC110 - a look now and then will do
                await asyncio.sleep(0.05)
            await self._stage.fault(name)
            self._done += 1


async def _play(stage: Stage, schedule: Sequence[Sequence[Fault]], count: int, rate: float) -> None:
    lanes = [Lane(stage, faults, stage.feed.sent, count) for faults in schedule]

    def pace() -> float:
        # Posts must not run out before the faults do.
        return rate / SLOWER if any(lane.late for lane in lanes) else rate

    telling = asyncio.create_task(_tell(stage))
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(stage.feed.play(count, pace))
            for lane in lanes:
                group.create_task(lane.run())
    finally:
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling


async def _tell(stage: Stage) -> None:
    while True:
        await asyncio.sleep(PROGRESS_SECONDS)
        with contextlib.suppress(Exception):  # a broker may be gone just now
            behind = await stage.behind()
            stage.timeline.note(f"{stage.feed.sent} posts sent, {behind} wait")
