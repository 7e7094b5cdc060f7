"""growth.*: what a post costs when there is more of everything: rules, terms, live campaigns, text."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.offline import TIMEOUT_SECONDS, cpu_of, moderator, records
from bench.pipeline import FILES, POSTS
from bench.policies import RULES, loaded
from bench.posts import SEED, payloads
from deploy.embedded import start_valkey
from deploy.processes import Service
from topics.reading import read_posts
from workers.batch import Part
from workers.campaigns.finding import KEYS, LEAST_PERCENT, POST, SLOTS
from workers.campaigns.texts import Texts
from workers.counters import Counters, RedisStore
from workers.counters.spec import CounterSpec
from workers.decoding import Record
from workers.moderate import Moderator
from workers.policy import Policy
from workers.simulator import Simulator
from workers.simulator.platform import START_MS

WARM, MEASURED, ROUNDS = 8_000, 16_000, 4
# Who comes second finds caches filled by who came first.
ORDERS = ((0, 1), (1, 0))
MANY_RULES, MANY_TERMS = 1_000, 100_000
MILLION = 1_000_000
FEW_KEYS, MANY_KEYS = MILLION, 10 * MILLION
# A post that is like no other is found under half of its keys, has a record, and a cell of the counter of its campaign.
KEYS_A_STRANGER = KEYS // 2 + 2
LONGER = 8
HOUR_MS = 3_600_000
HOUR_START_MS = START_MS // HOUR_MS * HOUR_MS
FILLERS_PARTITION = 1_000
FILLED_AT_ONCE = 20_000


def run() -> dict[str, float]:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        valkey, url = start_valkey(Path(folder))
        try:
            return asyncio.run(_growth(Path(folder), valkey, url))
        finally:
            valkey.stop()


async def _growth(folder: Path, valkey: Service, url: str) -> dict[str, float]:
    policy = loaded(folder)
    posts = records(islice((value for _, value, _ in payloads(FILES, POSTS)), WARM + ROUNDS * MEASURED))
    rules = await compare(moderator(policy, url), moderator(loaded(folder, MANY_RULES), url), posts, posts)
    terms = await compare(moderator(policy, url), moderator(loaded(folder, RULES, MANY_TERMS), url), posts, posts)
    short, long = long_posts(WARM + ROUNDS * MEASURED // 4)
    text = await compare(moderator(policy, url), moderator(policy, url), records(short), records(long))
    few, many = await by_campaigns(policy, valkey, url)
    return {
        "growth.rules_1000_vs_50": rules,
        "growth.terms_100k_vs_1k": terms,
        "growth.campaigns_10M_vs_1M": many / few,
        "growth.campaigns_1M_us": few * 1e6,
        "growth.campaigns_10M_us": many * 1e6,
        "growth.text_8x_length": text,
    }


async def compare(
    small: Moderator, large: Moderator, small_posts: Sequence[Record], large_posts: Sequence[Record]
) -> float:
    """CPU of this process a post, large over small. They take turns, so that a busy neighbour slows both."""
    taken = [0.0, 0.0]
    sides = ((small, small_posts), (large, large_posts))
    for of, posts in sides:
        await cpu_of(of, posts[:WARM])
    size = (len(small_posts) - WARM) // ROUNDS
    for place, order in zip(range(WARM, WARM + ROUNDS * size, size), cycle(ORDERS), strict=False):
        for side in order:
            of, posts = sides[side]
            taken[side] += (await cpu_of(of, posts[place : place + size]))[0]
    return taken[1] / taken[0]


def long_posts(number: int) -> tuple[list[bytes], list[bytes]]:
    """So many ordinary posts, and the same with a text that is LONGER of such texts in a row.

    Ordinary ones only: of a text that has some of everything in it more rules fire, and explaining them costs as well.
    """
    values = [value for _, value, truth in Simulator(SEED, 2 * number).lines() if truth == "ordinary"]
    posts = [post for post in read_posts(values)[0] if post is not None and not post.links]
    size = len(posts)
    long = [
        msgspec.structs.replace(post, text=" ".join(posts[(place + step) % size].text for step in range(LONGER)))
        for place, post in enumerate(posts[:number])
    ]
    encode = msgspec.json.encode
    return [encode(post) for post in posts[:number]], [encode(post) for post in long]


async def by_campaigns(policy: Policy, valkey: Service, url: str) -> tuple[float, float]:
    """CPU seconds a post of this process and Valkey together, with few and with many keys live, by turns."""
    (spec,) = (spec for spec in policy.counters if spec.by == "campaign")
    posts = records(value for _, value, _ in Simulator(SEED, WARM + ROUNDS * MEASURED, HOUR_START_MS).lines())
    sides = []
    for keys in (FEW_KEYS, MANY_KEYS):
        namespace = f"campaigns-{keys}"
        await make_live(keys, spec, url, namespace)
        sides.append(moderator(policy, url, namespace))
        await cpu_of(sides[-1], posts[:WARM])
    taken = [0.0, 0.0]
    for place, order in zip(range(WARM, len(posts), MEASURED), cycle(ORDERS), strict=False):
        for side in order:
            own, there = await cpu_of(sides[side], posts[place : place + MEASURED], valkey.process.pid)
            taken[side] += own + there
    few, many = (each / (len(posts) - WARM) for each in taken)
    return few, many


async def make_live(keys: int, spec: CounterSpec, url: str, namespace: str) -> None:
    """Let a worker with this namespace find about so many keys of campaigns, all of the current hour.

    Its counters put them there: of posts that are like no other, each a campaign of its own.
    """
    counters = Counters((spec,), RedisStore(url, namespace, TIMEOUT_SECONDS))
    chance = np.random.default_rng(SEED)
    posts = keys // KEYS_A_STRANGER
    for first in range(0, posts, FILLED_AT_ONCE):
        size = min(FILLED_AT_ONCE, posts - first)
        authors = chance.integers(1, 1 << 63, size, np.uint64)
        offsets, times = np.arange(first, first + size), np.full(size, HOUR_START_MS)
        await counters.apply(
            [Part(FILLERS_PARTITION, first, 0, size)],
            offsets,
            times,
            {spec.of: authors},
            _strangers(authors, chance),
        )


def _strangers(authors: NDArray[np.uint64], chance: np.random.Generator) -> Texts:
    """Texts of which none is like another."""
    size = len(authors)
    posts = np.zeros(size, POST)
    posts["id"] = chance.integers(1, 1 << 63, size, np.uint64)
    seed = posts["seed"]
    seed["posts"] = seed["accounts"] = seed["sketches"] = 1
    seed["first_seen"] = HOUR_START_MS
    seed["account"] = authors
    seed["slots"] = chance.integers(1, 256, (size, SLOTS), np.uint8)
    keys = chance.integers(0, 1 << 32, (size, KEYS), np.uint32)
    percent = np.full(size, LEAST_PERCENT, np.uint32)
    return Texts(np.arange(size), keys, posts, [b""] * size, [b""] * size, percent)
