"""What each shipped model learns from: a function a model."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from models.documents import Reads
from models.grammar import labelled_texts
from models.training.examples import Examples, examples, fragments, joined, with_names
from models.training.sources import LabelledPost, read_posts
from models.training.trimmings import small_talk, trimmed

Recipe = Callable[[Path, int], Examples]
GRAMMAR = "the simulator's grammar"
TRIMMED = 0.25
MASKED_DIGITS = re.compile(r"x{2,}")


def abuse(folder: Path, seed: int) -> Examples:
    """Insults and hate. Davidson's tweets count by how many readers agreed, English small talk beside them:
    nine in ten of those tweets are called offensive, and English itself must not be."""
    read = partial(read_set, folder)
    tweets = read("davidson-train")
    ordinary = [
        ordinary_posts(read("sms-en-train"), "sms-en-train"),
        ordinary_posts(read("youtube-spam-train"), "youtube-spam-train"),
        ordinary_posts(read("x-replies-train"), "x-replies-train"),
        ordinary_posts(read("sms-antispam-train"), "sms-antispam-train", 0.5),
        invented(30_000, ["chatter"], seed, positive=False, weight=0.8),
    ]
    chinese = examples(read("cold-train"), "cold-train")
    long_english = [post for post in read("oai-moderation-train") if post.label != "sexual"]
    return trimmed(joined([
        chinese,
        examples(tweets, "davidson-train", weights=[agreement(post) for post in tweets]),
        examples(long_english, "oai-moderation-train"),
        *ordinary,
        invented(3_000, ["abuse"], seed + 1, positive=True, weight=0.5),
        fragments(joined([without_positives(chinese), *ordinary]), 6_000, 0.5, seed),
        small_talk(12_000, 0.5, seed),
    ]), TRIMMED, seed)  # fmt: skip


def marketing(folder: Path, seed: int) -> Examples:
    """Advertising and spam. In the Chinese messages digits are masked as x: those come again with digits."""
    read = partial(read_set, folder)
    messages = read("sms-antispam-train")
    chinese = examples(read("cold-train"), "cold-train", positive=False, weights=0.5)
    ordinary = [
        chinese,
        examples(read("davidson-train"), "davidson-train", positive=False, weights=0.2),
        ordinary_posts(read("x-replies-train"), "x-replies-train"),
        invented(30_000, ["chatter"], seed, positive=False, weight=0.8),
    ]
    return trimmed(joined([
        examples(messages, "sms-antispam-train", weights=2.0),
        examples(with_digits(messages, seed), "sms-antispam-train"),
        examples(read("sms-en-train"), "sms-en-train"),
        examples(read("youtube-spam-train"), "youtube-spam-train"),
        *ordinary,
        invented(6_000, ["marketing", "link_spam", "click_farm"], seed + 1, positive=True, weight=0.5),
        fragments(joined(ordinary), 6_000, 0.5, seed),
        small_talk(12_000, 0.5, seed),
    ]), TRIMMED, seed)  # fmt: skip


def solicitation(folder: Path, seed: int) -> Examples:
    """Sexual services and pornography on offer, in the text or in the author's name."""
    read = partial(read_set, folder)
    replies = read("x-replies-train")
    believed = [1.0 if post.labelled_by == "manual" else 0.6 for post in replies]
    sexual = [post for post in read("oai-moderation-train") if post.label != "abuse"]
    chatter = invented(30_000, ["chatter"], seed, positive=False, weight=0.8)
    nicks = [post.nick for post in replies if not post.positive and post.nick]
    nameless = joined([
        examples(read("cold-train"), "cold-train", positive=False, weights=0.5),
        ordinary_posts(read("sms-antispam-train"), "sms-antispam-train", 0.5),
        ordinary_posts(read("sms-en-train"), "sms-en-train", 0.5),
        examples(sexual, "oai-moderation-train"),
        fragments(chatter, 6_000, 0.5, seed),
        small_talk(12_000, 0.5, seed),
    ])  # fmt: skip
    return trimmed(joined([
        examples(replies, "x-replies-train", weights=believed),
        with_names(nameless, [*nicks, *chatter.names[:5_000]], seed),
        chatter,
        invented(4_000, ["solicitation"], seed + 1, positive=True, weight=0.5),
    ]), TRIMMED, seed)  # fmt: skip


RECIPES: dict[str, tuple[Recipe, Reads]] = {
    "abuse": (abuse, "text"),
    "marketing": (marketing, "text"),
    "solicitation": (solicitation, "name+text"),
}


def own(path: Path) -> Examples:
    """A platform's own labelled posts."""
    return examples(read_posts(path), path.name)


def read_set(folder: Path, name: str) -> list[LabelledPost]:
    return read_posts(folder / f"{name}.jsonl")


def ordinary_posts(posts: Sequence[LabelledPost], source: str, weight: float = 1.0) -> Examples:
    """The normal ones of a set, as negatives."""
    return examples([post for post in posts if not post.positive], source, positive=False, weights=weight)


def without_positives(of: Examples) -> Examples:
    return of.take(np.flatnonzero(~of.positive))


def agreement(post: LabelledPost) -> float:
    """Share of the readers (votes: hate, offensive, neither) who back a tweet's label."""
    against = post.votes[2] if post.positive else sum(post.votes[:2])
    return 1 - against / sum(post.votes) if sum(post.votes) else 1.0


def invented(count: int, labels: Sequence[str], seed: int, *, positive: bool, weight: float) -> Examples:
    """Text of our own grammar. Its groups are single posts: no two are meant to be alike."""
    rows = list(labelled_texts(count, seed, labels))
    return Examples(
        [row.text for row in rows],
        [row.name for row in rows],
        np.full(len(rows), positive),
        np.full(len(rows), weight),
        [f"grammar {place}" for place in range(len(rows))],
        [GRAMMAR] * len(rows),
    )


def with_digits(posts: Sequence[LabelledPost], seed: int) -> list[LabelledPost]:
    """The masked messages among them, with digits in place of x."""
    rng = np.random.default_rng(seed)

    def digits(masked: re.Match[str]) -> str:
        return "".join(map(str, rng.integers(0, 10, len(masked[0])).tolist()))

    return [
        LabelledPost(text=MASKED_DIGITS.sub(digits, post.text), label=post.label)
        for post in posts
        if MASKED_DIGITS.search(post.text)
    ]
