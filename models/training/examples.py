"""Training examples as columns, and how they are split."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.documents import Reads, documents
from models.evader import evade
from models.folding import fold
from models.script import EAST_ASIAN_EVERY, salts
from models.training.sources import LabelledPost

# Strengths of camouflage that are learned from: from a character here and there to nearly all.
EVASION = (0.1, 0.9)
CHINESE = tuple("的一是了我不在人有中大好来上个们到说时地也看就子")


@dataclass(frozen=True)
class Examples:
    """n posts to learn from. positive: bool[n]. weights: float64[n], how much each counts. groups: posts of one
    group are never on both sides of a split. sources: what each came from."""

    texts: list[str]
    names: list[str]
    positive: NDArray[np.bool_]
    weights: NDArray[np.float64]
    groups: list[str]
    sources: list[str]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: NDArray[np.int64]) -> Examples:
        def pick(values: list[str]) -> list[str]:
            return [values[row] for row in rows.tolist()]

        return Examples(
            pick(self.texts),
            pick(self.names),
            self.positive[rows],
            self.weights[rows],
            pick(self.groups),
            pick(self.sources),
        )

    def documents(self, reads: Reads) -> list[str]:
        return documents(self.texts, self.names, reads)


def examples(
    posts: Sequence[LabelledPost],
    source: str,
    positive: bool | None = None,
    weights: Sequence[float] | float = 1.0,
) -> Examples:
    """Posts as examples; their own label says which are positive unless `positive` does. A post's group is its
    author, or what its text folds to."""
    texts = [post.text for post in posts]
    folded = fold(texts)
    groups = [f"{source} {post.user}" if post.user else folded.text(row) for row, post in enumerate(posts)]
    truth = [post.positive if positive is None else positive for post in posts]
    return Examples(
        texts,
        [post.nick for post in posts],
        np.array(truth, bool),
        np.broadcast_to(np.asarray(weights, np.float64), len(posts)).copy(),
        groups,
        [source] * len(posts),
    )


def joined(parts: Sequence[Examples]) -> Examples:
    return Examples(
        [text for part in parts for text in part.texts],
        [name for part in parts for name in part.names],
        np.concatenate([part.positive for part in parts]),
        np.concatenate([part.weights for part in parts]),
        [group for part in parts for group in part.groups],
        [source for part in parts for source in part.sources],
    )


def split(of: Examples, share: float, seed: int) -> tuple[Examples, Examples]:
    """The larger part and about `share` of the groups. A group's side depends on the seed and its name alone."""
    drawn = np.array([draw(f"{seed} {group}") for group in of.groups])
    return of.take(np.flatnonzero(drawn >= share)), of.take(np.flatnonzero(drawn < share))


def draw(word: str) -> float:
    """A number in [0, 1) that looks random and is always the same for the same word."""
    digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def weighing(of: Examples, weight: float) -> Examples:
    """The same posts, each counting `weight`."""
    return replace(of, weights=np.full(len(of), weight))


def nameless(of: Examples) -> Examples:
    """The same posts without their authors' names."""
    return replace(of, names=[""] * len(of))


def with_names(of: Examples, names: Sequence[str], seed: int) -> Examples:
    """Nameless posts under borrowed names, two thirds of them: else a name alone would say where a post is from."""
    rng = np.random.default_rng(seed)
    borrowed = rng.integers(0, len(names), len(of)).tolist()
    lent = (rng.random(len(of)) < 2 / 3).tolist()
    fresh = [names[borrowed[row]] if lent[row] and not name else name for row, name in enumerate(of.names)]
    return replace(of, names=fresh)


def camouflaged(of: Examples, copies: int, weight: float, seed: int) -> list[Examples]:
    """Copies in camouflaged spelling, name and text alike, each at a strength between EVASION; a copy counts
    `weight` of its original and is of its group."""
    found = []
    for copy in range(copies if len(of) else 0):
        strengths = np.random.default_rng([seed, copy]).uniform(*EVASION, len(of)).tolist()
        texts = evade(of.texts, strengths, seed + copy)
        names = evade(of.names, strengths, seed + copies + copy)
        found.append(replace(of, texts=texts, names=names, weights=of.weights * weight))
    return found


def mingled(of: Examples, weight: float, seed: int) -> Examples:
    """Those in an alphabet again, with so many Chinese characters between two words that they are hashed as Chinese
    (`models.script`): of a text so disguised a model that has not seen this would know nothing. A copy counts `weight`
    of its original and is of its group."""
    rng = np.random.default_rng([seed, 0x6D67])
    alphabetic = of.take(np.flatnonzero((salts(fold(of.texts)) != 0) & np.array([bool(text) for text in of.texts])))
    texts = []
    for text, place in zip(alphabetic.texts, rng.random(len(alphabetic)).tolist(), strict=True):
        gaps = [0, *(at for at, letter in enumerate(text) if letter == " "), len(text)]
        gap = gaps[int(place * len(gaps))]
        run = rng.choice(CHINESE, 1 + len(text) // (EAST_ASIAN_EVERY - 2))
        texts.append(text[:gap] + "".join(run.tolist()) + text[gap:])
    return replace(alphabetic, texts=texts, weights=alphabetic.weights * weight)


def fragments(of: Examples, count: int, weight: float, seed: int) -> Examples:
    """Short pieces, 0 to 6 characters, cut from posts: short chat says too little to be anything but ordinary."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(of), count)
    lengths, places = rng.integers(0, 7, count).tolist(), rng.random(count).tolist()
    texts = []
    for row, length, place in zip(rows.tolist(), lengths, places, strict=True):
        start = int(place * max(len(of.texts[row]) - length, 0))
        texts.append(of.texts[row][start : start + length])
    return Examples(
        texts,
        [""] * count,
        np.zeros(count, bool),
        np.full(count, weight),
        [f"fragment {text}" for text in texts],
        ["fragments of ordinary posts"] * count,
    )
