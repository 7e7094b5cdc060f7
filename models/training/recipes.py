"""What each shipped model learns from: a function a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.documents import Reads
from models.training.examples import Examples, examples, fragments, joined, nameless, weighing, with_names
from models.training.fit import Ways
from models.training.invented import (
    appeals,
    bare_replies,
    expanded,
    invented,
    made,
    masked,
    reactions,
    telling_names,
    with_digits,
)
from models.training.sources import LabelledPost, read_posts
from models.training.trimmings import small_talk, trimmed

TRIMMED = 0.25


class Recipe(NamedTuple):
    """How a shipped model is made. learn: the examples, given the folder of the sets and a seed."""

    learn: Callable[[Path, int], Examples]
    reads: Reads
    ways: Ways


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
    fair = expanded("equal.zh", 3_000, seed) + expanded("equal.en", 500, seed)
    return trimmed(joined([
        chinese,
        examples(tweets, "davidson-train", weights=[1.5 * agreement(post) for post in tweets]),
        examples(long_english, "oai-moderation-train"),
        *ordinary,
        invented(3_000, ["abuse"], seed + 1, positive=True, weight=0.5),
        made(fair, [""] * len(fair), positive=False, weight=0.5),
        fragments(joined([without_positives(chinese), *ordinary]), 6_000, 0.5, seed),
        small_talk(12_000, 0.5, seed),
    ]), TRIMMED, seed)  # fmt: skip


def marketing(folder: Path, seed: int) -> Examples:
    """Advertising and spam. In the Chinese messages digits are masked as x: those come again with digits, and
    ordinary lines full of numbers come with x. Sets of real advertising weigh far more than what they lie in, our own
    advertisements among it more than our chatter: they are what transfers to other platforms. Of the English messages
    seven in eight are ordinary, and those count less: people who write them say much that advertises under a video."""
    read = partial(read_set, folder)
    messages = examples(read("sms-antispam-train"), "sms-antispam-train", weights=20.0)
    english = read("sms-en-train")
    chatter = invented(30_000, ["chatter"], seed, positive=False, weight=0.085)
    numbers = expanded("fact.zh", 8_000, seed)
    facts = made(numbers, [""] * len(numbers), positive=False, weight=0.06)
    around = [
        weighing(with_digits(messages, seed), 0.45),
        examples(read("cold-train"), "cold-train", positive=False, weights=1.15),
        examples(read("davidson-train"), "davidson-train", positive=False, weights=0.009),
        ordinary_posts(read("x-replies-train"), "x-replies-train", 0.15),
        chatter,
        facts,
        weighing(masked(joined([chatter, facts])), 0.03),
        invented(6_000, ["marketing", "link_spam", "click_farm"], seed + 1, positive=True, weight=2.0),
        fragments(chatter, 6_000, 0.007, seed),
        small_talk(12_000, 0.08, seed),
        bare_replies(3_000, 0.2, seed),
        reactions(2_000, 0.3, seed),
        appeals(4_000, (0.4, 0.3), seed),
    ]
    return joined([
        messages,
        examples(english, "sms-en-train", weights=[7.0 if post.positive else 2.1 for post in english]),
        examples(read("youtube-spam-train"), "youtube-spam-train", weights=20.0),
        trimmed(joined(around), TRIMMED, seed),
    ])  # fmt: skip


def solicitation(folder: Path, seed: int) -> Examples:
    """Sexual services, pornography and the trades of fraud on offer, in the text or in the author's name. What is
    said outright comes without a name, too: a post is no better for having none."""
    read = partial(read_set, folder)
    replies = read("x-replies-train")
    believed = [2.0 if post.labelled_by == "manual" else 1.2 for post in replies]
    sexual = [post for post in read("oai-moderation-train") if post.label != "abuse"]
    chatter = invented(30_000, ["chatter"], seed, positive=False, weight=0.8)
    offers = [
        invented(6_000, ["solicitation"], seed + 1, positive=True, weight=0.5),
        invented(16_000, ["lure"], seed + 1, positive=True, weight=0.8),
        invented(10_000, ["fraud"], seed + 1, positive=True, weight=0.5),
        invented(2_000, ["click_farm"], seed + 1, positive=True, weight=0.5),
        invented(2_000, ["link_spam"], seed + 1, positive=True, weight=0.3),
    ]
    unnamed = joined([
        examples(read("cold-train"), "cold-train", positive=False, weights=0.5),
        ordinary_posts(read("sms-antispam-train"), "sms-antispam-train", 0.5),
        ordinary_posts(read("sms-en-train"), "sms-en-train", 0.5),
        ordinary_posts(read("youtube-spam-train"), "youtube-spam-train", 0.5),
        examples(sexual, "oai-moderation-train"),
        fragments(chatter, 6_000, 0.5, seed),
        small_talk(12_000, 0.5, seed),
        weighing(nameless(joined(offers[:3])), 0.25),
    ])  # fmt: skip
    nicks = [post.nick for post in replies if not post.positive and post.nick]
    return trimmed(joined([
        examples(replies, "x-replies-train", weights=believed),
        with_names(unnamed, [*nicks, *chatter.names[:5_000]], seed),
        chatter,
        *offers,
        telling_names(6_000, 0.5, seed),
        bare_replies(3_000, 0.3, seed),
        appeals(4_000, (0.5, 0.5), seed),
    ]), TRIMMED, seed)  # fmt: skip


# Sets of many kinds lie together here, so that less strength goes further than in a set of one kind. Shifts make up for
# what Platt's curve is fitted on: less of the posts that a model sees is abuse or advertising than of those.
RECIPES = {
    "abuse": Recipe(
        abuse, "text", Ways(strength=0.3, telling=0, shift=0.1, copies=3, copy_weight=0.7, other_weight=0.1)
    ),
    "marketing": Recipe(
        marketing,
        "text",
        Ways(
            strength=0.25,
            telling=0.8,
            kinds=(("sms-antispam-train",), ("sms-en-train", "youtube-spam-train")),
            shift=-0.5,
            copies=1,
            other_weight=0.1,
        ),
    ),
    "solicitation": Recipe(
        solicitation,
        "name+text",
        Ways(strength=0.3, telling=0, shift=-0.4, copies=2, copy_weight=0.4, other_weight=0.05),
    ),
}


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
