"""The checker: everything that came in against everything that went out. Shares no code with the worker."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chaos.naive import BLOCKS_FROM, Bounds, Naive, verdict_of

DECIDED = {"posts.allow": "allow", "posts.flag": "flag", "posts.block": "block"}
Place = tuple[int, int]
"""Partition and offset of a record of `posts`."""


class Record(NamedTuple):
    """A record as it lies in Kafka; timestamp in milliseconds since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Finding(NamedTuple):
    """Something that the promise rules out, and the post that shows it."""

    kind: str
    place: Place | None
    detail: str
    at_ms: int | None = None
    """When the post arrived, milliseconds since the epoch."""


@dataclass
class Verdict:
    """What the checker says: figures, and what is wrong."""

    figures: dict[str, int]
    findings: list[Finding] = field(default_factory=list)

    @property
    def kinds(self) -> dict[str, int]:
        """How many of each kind are wrong."""
        return dict(Counter(finding.kind for finding in self.findings))


class Check:
    """One pass over a run.

    posts: the records of `posts`. outputs: those of the four output topics, read committed, in the order of their
        offsets within each partition.
    malformed: values that are no posts, and no others are none.
    partial: more was sent than these posts; answers to others are left out.
    repeats: a repeated decision is allowed when its bytes are the same (at least once).
    faulty: places where a decision may be degraded.
    """

    def __init__(
        self,
        posts: Sequence[Record],
        outputs: Sequence[Record],
        malformed: frozenset[bytes],
        *,
        repeats: bool = False,
        partial: bool = False,
        faulty: frozenset[Place] = frozenset(),
    ) -> None:
        self._posts = {(record.partition, record.offset): record for record in posts}
        self._outputs = outputs
        self._malformed = malformed
        self._repeats = repeats
        self._partial = partial
        self._faulty = faulty
        self._findings: list[Finding] = []
        self._answers: dict[Place, list[Record]] = defaultdict(list)
        self._decisions: dict[Place, dict[str, Any]] = {}
        self.naive = Naive()

    def run(self, stored: Mapping[str, Mapping[bytes, bytes]]) -> Verdict:
        """Check everything; `stored` are the counters' hashes by name, without the prefix."""
        self._group_by_source()
        repeated = 0
        for place, post in self._posts.items():
            answers = self._answers.get(place, [])
            if not answers:
                self._find("lost", place, "no decision and no dead letter")
                continue
            if len(answers) > 1:
                repeated += len(answers) - 1
                self._compare(place, answers)
            self._check_answer(place, post, answers[0])
        self._check_order()
        self._check_readings()
        self._findings += [Finding("counter", None, line) for line in self.naive.differences(stored)]
        topics = Counter(record.topic for records in self._answers.values() for record in records)
        figures = {
            "posts": len(self._posts),
            **{topic.removeprefix("posts."): topics[topic] for topic in (*DECIDED, "posts.dead")},
            "repeated": repeated,
            "degraded": sum(bool(decision.get("degraded")) for decision in self._decisions.values()),
            "readings": sum("author_posts_6h" in found.get("signals", {}) for found in self._decisions.values()),
            "cells": len(self.naive.counts) + len(self.naive.members),
        }
        versions = Counter(decision["policy"] for decision in self._decisions.values())
        figures |= {f"policy {version}": count for version, count in sorted(versions.items())}
        return Verdict(figures, self._findings)

    def _find(self, kind: str, place: Place | None, detail: str) -> None:
        post = self._posts.get(place) if place else None
        self._findings.append(Finding(kind, place, detail, post.timestamp if post else None))

    def _group_by_source(self) -> None:
        for record in self._outputs:
            place = self._source(record)
            if place is None:
                continue
            if place not in self._posts:
                if self._partial:
                    self._decisions.pop(place, None)
                    continue
                self._find("unknown", place, f"{_where(record)} is about a record that was never sent")
                continue
            if record.partition != place[0]:
                self._find("partition", place, f"the answer lies on another partition: {_where(record)}")
            self._answers[place].append(record)

    def _source(self, record: Record) -> Place | None:
        try:
            if record.topic == "posts.dead":
                headers = dict(record.headers)
                return int(headers["source_partition"]), int(headers["source_offset"])
            decision = json.loads(record.value or b"")
            place = decision["source"]["partition"], decision["source"]["offset"]
        except (ValueError, KeyError, TypeError) as error:
            self._find("unreadable", None, f"{_where(record)}: {error!r}")
            return None
        # Answers that disagree are told by `_compare`; the first stands for the post.
        self._decisions.setdefault(place, decision)
        return place

    def _compare(self, place: Place, answers: Sequence[Record]) -> None:
        where = ", ".join(_where(record) for record in answers)
        if len({(record.topic, record.value, record.key) for record in answers}) > 1:
            self._find("conflicting", place, f"answers that are not the same: {where}")
        elif not self._repeats:
            self._find("repeated", place, f"{len(answers)} answers: {where}")

    def _check_answer(self, place: Place, post: Record, answer: Record) -> None:
        bad = (post.value or b"") in self._malformed
        if answer.topic == "posts.dead":
            if not bad:
                self._find("wrongly dead", place, f"a post became a dead letter: {dict(answer.headers)}")
            if (answer.value or b"", answer.key) != (post.value or b"", post.key):
                self._find("altered", place, "the dead letter's bytes are not those that came")
            return
        if bad:
            self._find("wrongly decided", place, "bytes that are no post were decided")
            return
        sent, decision = json.loads(post.value or b""), self._decisions[place]
        if (decision["id"], decision["author"]) != (sent["id"], sent["author"]["id"]):
            self._find("mixed up", place, f"the decision is about {decision['id']} by {decision['author']}")
        if decision["verdict"] != DECIDED[answer.topic]:
            self._find("wrong topic", place, f"{decision['verdict']} on {answer.topic}")
        if decision.get("degraded") and place not in self._faulty:
            self._find("degraded", place, "decided without counters though they were there")

    def _check_order(self) -> None:
        latest: dict[tuple[str, int, bytes | None], int] = {}
        seen: set[Place] = set()
        for record, place in self._answered():
            if place in seen:
                continue
            seen.add(place)
            line = record.topic, record.partition, record.key
            if place[1] < latest.get(line, -1):
                self._find("order", place, f"{_where(record)} comes after the author's offset {latest[line]}")
            latest[line] = max(place[1], latest.get(line, -1))

    def _answered(self) -> Iterator[tuple[Record, Place]]:
        sources = {id(record): place for place, records in self._answers.items() for record in records}
        for record in self._outputs:
            place = sources.get(id(record))
            if place is not None:
                yield record, place

    def _check_readings(self) -> None:
        for place in sorted(self._posts):
            record, decision = self._posts[place], self._decisions.get(place)
            if decision is None:
                # Lost, or dead: a lost one may have been counted.
                if place not in self._answers and (record.value or b"") not in self._malformed:
                    sent = json.loads(record.value or b"")
                    self.naive.add(sent, min(sent["created_at"], record.timestamp), sure=False)
                continue
            if (record.value or b"") in self._malformed:
                continue
            sent = json.loads(record.value or b"")
            degraded = bool(decision.get("degraded"))
            # A post's own time is when it was written, but never later than it came.
            bounds = self.naive.add(sent, min(sent["created_at"], record.timestamp), sure=not degraded)
            if decision["policy"] not in BLOCKS_FROM:
                self._find("policy", place, f"decided by {decision['policy']}, which nobody started")
            else:
                self._check_reading(place, sent.get("kind", "post"), decision, bounds)

    def _check_reading(self, place: Place, kind: str, decision: Mapping[str, Any], bounds: Bounds) -> None:
        reading = decision.get("signals", {}).get("author_posts_6h")
        version, verdict = decision["policy"], decision["verdict"]
        least, most = bounds
        if decision.get("degraded"):
            if reading is not None or verdict != "allow":
                self._find("reading", place, f"degraded, and yet {verdict} with a reading of {reading}")
        elif reading is not None:
            if not least <= reading <= most:
                wanted = f"{least}" if least == most else f"{least} to {most}"
                self._find("reading", place, f"author_posts_6h read {reading}, must be {wanted}")
            elif verdict != verdict_of(version, kind, reading):
                self._find("verdict", place, f"{verdict} for a {kind} that read {reading} under {version}")
        elif verdict not in {verdict_of(version, kind, least), verdict_of(version, kind, most)}:
            self._find("verdict", place, f"{verdict} for a {kind} that must read {least} to {most} under {version}")


def _where(record: Record) -> str:
    return f"{record.topic} {record.partition}:{record.offset}"
