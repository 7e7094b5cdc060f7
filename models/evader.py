"""The evader: camouflaged spellings of a text, as people write them to get around filters.

    evade(texts, strength=0.2, seed=7)          # about one character in five is written in another way
    evasion_curve(score, texts, seed=7)         # how recall falls as the spelling gets stranger

A text gets a few habits, as one person has: characters that sound alike or look alike, characters split in two or
hidden in a fuller one, pinyin, leet, starred vowels, separators, and the spellings of `models.grammar`. Every swap is
either known or held out, by a hash of itself: training sees the known ones, tests the others.
"""

from __future__ import annotations

import re
import zlib
from bisect import bisect
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.grammar import camouflage

TABLE_FILE = Path(__file__).with_name("evader.npz")
# Up to here a person reads the text at once.
READABLE = 0.2
STRENGTHS = (0.0, 0.1, READABLE, 0.3, 0.4, 0.6, 0.8)
LINK = re.compile(r"((?:https?://|www\.)[!-~]+)")
LEET = {
    "a": "4@∆", "b": "8ß", "e": "3€", "g": "9q", "i": "1!|", "l": "1|", "o": "0ø", "s": "5$", "t": "7+", "z": "2",
    "u": "vü", "c": "(k", "h": "#ħ",
}  # fmt: skip
NUMERALS = {
    "0": "零〇o", "1": "一壹l", "2": "二贰", "3": "三叁", "4": "四肆",
    "5": "五伍", "6": "六陆", "7": "七柒", "8": "八捌", "9": "九玖",
}  # fmt: skip
BETWEEN = " .-_*|/·~"
VOWELS = "aeiou"
# How often a habit is taken up, by what it is done to. `spelling` is that of the grammar's tables.
HABITS = {"sound": 8, "shape": 8, "pinyin": 1, "initial": 1, "split": 1, "wrapped": 1, "between": 1, "spelling": 1}
LATIN_HABITS = {"leet": 4, "doubled": 1, "starred": 2, "between": 2}
# How a character is written in another way, or None where this way has nothing for it. The flag: held out?
Way = Callable[[str, bool, Random], str | None]


class Others(NamedTuple):
    """What may stand for a character, and how the chances add up."""

    choices: list[str]
    chances: list[float]

    def draw(self, rng: Random) -> str:
        return self.choices[bisect(self.chances, rng.random() * self.chances[-1])]


class Point(NamedTuple):
    """A point of the evasion curve: the share of positive posts that is caught at a strength."""

    strength: float
    recall: float


def evade(texts: Sequence[str], strength: float | Sequence[float], seed: int, *, held_out: bool = False) -> list[str]:
    """The texts in camouflaged spelling. strength, one for all or one each: the share of characters that is touched, 0
    to 1. held_out: only swaps that training never sees. Links stay whole, or nobody could follow them. A text's
    spelling depends on the seed, its place and itself."""
    each = strength if isinstance(strength, Sequence) else [strength] * len(texts)
    return [
        spell(text, share, Random(f"{seed} {place}"), held_out)
        for place, (text, share) in enumerate(zip(texts, each, strict=True))
    ]


def evasion_curve(
    score: Callable[[list[str]], NDArray[np.floating]],
    texts: Sequence[str],
    seed: int,
    *,
    threshold: float = 0.5,
    strengths: Iterable[float] = STRENGTHS,
) -> list[Point]:
    """Recall on positive texts that are spelled with held-out swaps at each strength. score: texts -> probabilities."""
    return [
        Point(strength, float((score(evade(texts, strength, seed, held_out=True)) >= threshold).mean()))
        for strength in strengths
    ]


def spell(text: str, strength: float, rng: Random, held_out: bool) -> str:
    """One text as somebody with a few habits would spell it."""
    habits = taken_up(HABITS, rng)
    latin = taken_up(LATIN_HABITS, rng)
    if "spelling" in habits:
        drawn = np.random.default_rng(rng.getrandbits(64))
        text = camouflage(text, drawn, strength, held_out=held_out)
    ways = [WAYS[habit] for habit in habits if habit in WAYS] or [WAYS["sound"]]
    latin_ways = [WAYS[habit] for habit in latin]
    pieces = LINK.split(text)
    pieces[::2] = [
        "".join(
            written(char, latin_ways if char < "\u0250" else ways, held_out, rng) if rng.random() < strength else char
            for char in piece
        )
        for piece in pieces[::2]
    ]
    return "".join(pieces)


def taken_up(habits: dict[str, int], rng: Random) -> list[str]:
    """Two habits, or the same twice, by their weights."""
    return rng.choices(list(habits), list(habits.values()), k=2)


def written(char: str, ways: Sequence[Way], held_out: bool, rng: Random) -> str:
    """The character by one of the ways, or by another where that one has nothing for it; else as it is."""
    first = rng.randrange(len(ways))
    for way in (*ways[first:], *ways[:first]):
        other = way(char, held_out, rng)
        if other is not None:
            return other
    return char


def alike(kind: str, char: str, held_out: bool, rng: Random) -> str | None:
    found = others(kind, held_out).get(char)
    return found.draw(rng) if found else None


def between(char: str, held_out: bool, rng: Random) -> str | None:
    """Never held out: folding takes every separator out."""
    return char + rng.choice(BETWEEN) if char.isalnum() else None


def leet(char: str, held_out: bool, rng: Random) -> str | None:
    spellings = NUMERALS.get(char) or LEET.get(char.lower(), "")
    left = [other for other in spellings if is_held_out(char, other) is held_out]
    return rng.choice(left) if left else None


def doubled(char: str, held_out: bool, rng: Random) -> str | None:
    return char * 2 if char.isalpha() else None


def starred(char: str, held_out: bool, rng: Random) -> str | None:
    return "*" if char.lower() in VOWELS else None


def is_held_out(char: str, other: str) -> bool:
    """Half of all swaps, always the same."""
    return bool(zlib.crc32(f"{char} {other}".encode()) & 1)


WAYS: dict[str, Way] = {
    **{kind: partial(alike, kind) for kind in ("sound", "shape", "pinyin", "initial", "split", "wrapped")},
    "between": between,
    "leet": leet,
    "doubled": doubled,
    "starred": starred,
}


@cache
def others(kind: str, held_out: bool) -> dict[str, Others]:
    """For each character what may stand for it in this way, common characters more often."""
    with np.load(TABLE_FILE, allow_pickle=False) as table:
        chars, count = table["chars"].tolist(), np.sqrt(table["count"] + 1.0).tolist()
        syllable, parts = table["syllable"].tolist(), table["parts"].tolist()
        corners, phonetic = table["corners"].tolist(), table["phonetic"].tolist()
    swaps: dict[str, list[tuple[str, float]]] = defaultdict(list)
    if kind == "sound":
        add_groups(swaps, chars, syllable, count)
    elif kind == "shape":
        add_groups(swaps, chars, phonetic, count)
        add_groups(swaps, chars, corners, count)
        add_groups(swaps, chars, [code // 10 for code in corners], [weight / 4 for weight in count])
    for char, sound, pair, weight in zip(chars, syllable, parts, count, strict=True):
        if kind == "pinyin":
            swaps[char].append((sound, 1.0))
        elif kind == "initial":
            swaps[char].append((sound[0], 1.0))
        elif kind == "split" and pair:
            swaps[char].append((pair, 1.0))
        elif kind == "wrapped" and pair:
            swaps[pair[1]].append((char, weight))
    kept = {
        char: [(other, weight) for other, weight in found if is_held_out(char, other) is held_out]
        for char, found in swaps.items()
    }
    return {
        char: Others([other for other, _ in found], list(accumulate(weight for _, weight in found)))
        for char, found in kept.items()
        if found
    }


def add_groups(
    swaps: dict[str, list[tuple[str, float]]], chars: Sequence[str], keys: Sequence[object], weights: Sequence[float]
) -> None:
    """Every other character of its group may stand for a character; an empty key is no group."""
    groups: dict[object, list[tuple[str, float]]] = defaultdict(list)
    for char, key, weight in zip(chars, keys, weights, strict=True):
        if key:
            groups[key].append((char, weight))
    for group in groups.values():
        for char, _ in group:
            swaps[char] += [(other, weight) for other, weight in group if other != char]
