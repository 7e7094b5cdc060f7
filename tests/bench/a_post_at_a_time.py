"""Deciding a post at a time, as one writes it without thinking of columns: what the idiomatic worker does between
reading and sending.

It does the same work as ours and comes to the same verdicts (test_baseline.py). What has no sensible form in plain
Python (folding, the keys of near-copies) is done by our own code, a post at a time. The counters' commands for a post
go to Redis in one pipeline, which is kinder to it than a call a counter.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from ahocorasick_rs import AhoCorasick
from redis.asyncio import Redis

from bench.python_rules import NULL, PythonRule, decide, python_rules
from models.documents import documents
from models.folding import fold
from models.registry import Registry
from workers.batch import Batch
from workers.campaigns.campaigns import DEFAULT_SCOPE, Guard, find
from workers.campaigns.evidence import ASKED, texts_of
from workers.counters import RedisStore
from workers.counters.spec import CounterSpec
from workers.policy import Policy
from workers.signals.account import DAY_MS, bare
from workers.signals.duplicates import fingerprints
from workers.signals.links import links_of
from workers.signals.media import worst
from workers.signals.terms import folded_terms, kinds
from workers.values import columns_of

PANES = 6
MOST_MEMBERS = 1_000
KEPT_SECONDS = 3_600


class Outcome(NamedTuple):
    """What is decided about a post, and why."""

    verdict: str
    fired: list[PythonRule]
    signals: dict[str, Any]
    scores: dict[str, float]


class PostAtATime:
    """Decides posts one by one."""

    def __init__(self, policy: Policy, redis: str, namespace: str) -> None:
        registry = Registry()
        entries = [registry.entry(name) for name in registry.names()]
        self.models = {entry.name: (registry.load(entry), entry.input) for entry in entries}
        self.versions = {entry.name: entry.version for entry in entries}
        self.rules = python_rules(policy)
        self._redis = Redis.from_url(redis)
        self._namespace = namespace
        self._campaigns = RedisStore(redis, f"{namespace}:campaigns", timeout_seconds=60)
        self._posts = 0
        self._counters = policy.counters
        self._patterns = [
            (name, pattern) for name, terms in policy.terms.items() for pattern in folded_terms(name, terms)
        ]
        self._automaton = AhoCorasick([pattern for _, pattern in self._patterns])
        self._lists = tuple(policy.terms)

    async def close(self) -> None:
        """Let go of Redis."""
        await self._redis.aclose()
        await self._campaigns.close()

    async def decide(self, post: Any, arrived_at: int) -> Outcome:
        """Measure the post, count it, look at every rule. `post`: anything with the fields of a post."""
        time = min(post.created_at, arrived_at)
        scores = {
            name: float(model.predict_proba(documents([post.text], [post.author.name], reads))[0, 1])
            for name, (model, reads) in self.models.items()
        }
        folded = fold([post.text, post.author.name])
        links = links_of(post)
        site = next(filter(None, links.values()), None)
        signals: dict[str, Any] = {
            **scores,
            **self._hits(folded.text(0), folded.text(1)),
            "text_length": len(folded.text(0)),
            "link_count": len(links),
            "link_domain": site and site.domain,
            "link_shortener": any(each.shortener for each in links.values() if each),
            "link_punycode": any(each.punycode for each in links.values() if each),
            "account_age_days": None
            if post.author.created_at is None
            else max(0.0, (time - post.author.created_at) / DAY_MS),
            "followers": post.author.followers,
            "agency": post.author.agency,
            "profile_bare": bare(post.author),
            "media_count": len(post.media),
            "media_sexual": worst(post.media) if post.media else None,
            "kind": post.kind,
            "lang": post.lang,
            "author": post.author.id,
            "reply_to": post.reply_to,
            "ip": post.ip,
            "device": post.device,
        }
        signals |= await self._count(post, time, signals)
        known = {name: NULL if value is None else value for name, value in signals.items()}
        return Outcome(*decide(self.rules, known), signals, scores)

    def _hits(self, text: str, name: str) -> dict[str, int]:
        hits = dict.fromkeys((f"terms_{each}" for each in self._lists), 0)
        for field in (text, name):
            found = defaultdict(list)
            for pattern, start, end in self._automaton.find_matches_as_indexes(field, overlapping=True):
                if not (_glued(field, start - 1, start) or _glued(field, end - 1, end)):
                    found[self._patterns[pattern][0]].append((start, -end))
            for each, places in found.items():
                free = 0
                for start, end in sorted(places):
                    if start >= free:
                        hits[f"terms_{each}"] += 1
                        free = -end
        return hits

    async def _count(self, post: Any, time: int, signals: dict[str, Any]) -> dict[str, int | None]:
        """Add the post to the policy's counters and read them: a Redis key for each value and part of a window."""
        self._posts += 1
        alone = Batch.offline([post], self._posts)
        values: dict[str, list[Any]] = {
            "author": [post.author.id],
            "fingerprint": [each for each in fingerprints(alone).tolist() if each],
            "campaign": await self._campaign(alone, signals),
            **{
                name: [value] if (value := signals[name]) else []
                for name in ("link_domain", "ip", "device", "agency", "reply_to")
            },
        }
        # redis-py types commands by their answers, but a pipeline's give the pipeline back.
        pipeline: Any = self._redis.pipeline(transaction=False)
        asked: list[CounterSpec] = []
        for spec in self._counters:
            pane = PANES * time // spec.window_ms
            for value in values[spec.by]:
                keys = [f"{self._namespace}:{spec.name}:{value}:{pane - back}" for back in range(PANES)]
                kept = 2 * spec.window_ms // 1_000 + KEPT_SECONDS
                if spec.kind == "count":
                    pipeline.incr(keys[0]).expire(keys[0], kept).mget(keys)
                else:
                    member = next(iter(values[spec.of]), "")
                    (pipeline.sadd(keys[0], member) if member else pipeline.ping()).expire(keys[0], kept).sunion(keys)
                asked.append(spec)
        readings: dict[str, int | None] = {spec.name: None for spec in self._counters}
        for spec, answer in zip(asked, (await pipeline.execute())[2::3], strict=True):
            number = sum(int(each or 0) for each in answer) if spec.kind == "count" else min(len(answer), MOST_MEMBERS)
            readings[spec.name] = max(number, readings[spec.name] or 0)
        return readings

    async def _campaign(self, alone: Batch, signals: dict[str, Any]) -> list[int]:
        """The id that posts which are alike have in common, by our own look-up."""
        read = pl.DataFrame({name: [signals[name]] for name in ASKED & signals.keys()})
        texts = texts_of(alone, columns_of(read))
        guard = Guard("guard", KEPT_SECONDS, 1, self._posts)
        found = await find(self._campaigns, DEFAULT_SCOPE, guard, alone.offsets, texts, KEPT_SECONDS)
        return [each for each in found.ids.tolist() if each]


def _glued(text: str, left: int, right: int) -> bool:
    """Whether the characters at two neighbouring places belong to one word or number."""
    if left < 0 or right >= len(text):
        return False
    first, second = kinds(np.array([ord(text[left]), ord(text[right])], np.uint32)).tolist()
    return bool(first > 0 and first == second)
