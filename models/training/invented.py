"""Posts of our own making as examples: from the grammar, or real posts written in another way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from models.grammar import labelled_texts, phrasebook
from models.training.examples import Examples, joined

GRAMMAR = "our own grammar"
MASKED_DIGITS = re.compile(r"x{2,}")
DIGIT = re.compile(r"\d")
REACTIONS = "👍👌👏🙏💪🔥🎉❤😂🤣😭😅😊😍🥰😘😁😎🤔🙄😱🌹✨💯"


def invented(count: int, labels: Sequence[str], seed: int, *, positive: bool, weight: float) -> Examples:
    """Texts of these labels of our own grammar, under names that go with them."""
    rows = list(labelled_texts(count, seed, labels))
    return made([row.text for row in rows], [row.name for row in rows], positive=positive, weight=weight)


def made(texts: Sequence[str], names: Sequence[str], *, positive: bool, weight: float) -> Examples:
    """Texts of our own. Their groups are single posts: no two are meant to be alike."""
    count = len(texts)
    return Examples(
        list(texts),
        list(names),
        np.full(count, positive),
        np.full(count, weight),
        [f"grammar {place}" for place in range(count)],
        [GRAMMAR] * count,
    )


def expanded(symbol: str, count: int, seed: int) -> list[str]:
    """`count` texts of one symbol of the grammar."""
    texts: list[str] = phrasebook().expand({symbol: count}, np.random.default_rng([seed, 0x6578]))[symbol].tolist()
    return texts


def telling_names(count: int, weight: float, seed: int) -> Examples:
    """Solicitation that is in the author's name alone: the text is next to nothing, or anything."""
    half = count // 2
    texts = expanded("bare", half, seed) + expanded("chatter.zh", count - half, seed)
    return made(texts, expanded("telling_name.zh", count, seed + 1), positive=True, weight=weight)


def bare_replies(count: int, weight: float, seed: int) -> Examples:
    """The same next-to-nothing under ordinary names, which is what ordinary people write, too."""
    names = expanded("name.zh", count // 2, seed) + expanded("name.en", count - count // 2, seed)
    return made(expanded("bare", count, seed + 2), names, positive=False, weight=weight)


def appeals(count: int, weights: tuple[float, float], seed: int) -> Examples:
    """Appeals to the public, with a number to call: they ask as advertising does, and sell nothing. weights: of Chinese
    ones and of English ones, as many each."""
    each = zip(("appeal.zh", "appeal.en"), weights, strict=True)
    return joined([
        made(expanded(symbol, count // 2, seed), [""] * (count // 2), positive=False, weight=weight)
        for symbol, weight in each
    ])  # fmt: skip


def reactions(count: int, weight: float, seed: int) -> Examples:
    """One to three emoji and nothing else, as ordinary people answer."""
    rng = np.random.default_rng(seed)
    drawn, times = rng.integers(0, len(REACTIONS), count).tolist(), rng.integers(1, 4, count).tolist()
    texts = [REACTIONS[place] * often for place, often in zip(drawn, times, strict=True)]
    return made(texts, [""] * count, positive=False, weight=weight)


def masked(of: Examples) -> Examples:
    """Those with digits in them, with every digit written as x, as some sets have it."""
    chosen = of.take(np.array([row for row, text in enumerate(of.texts) if DIGIT.search(text)], np.int64))
    texts = [DIGIT.sub("x", text) for text in chosen.texts]
    return replace(chosen, texts=texts)


def with_digits(of: Examples, seed: int) -> Examples:
    """Those with masked digits in them, with digits in place of x; each in the group of the one it was made from."""
    rng = np.random.default_rng(seed)

    def digits(run: re.Match[str]) -> str:
        return "".join(map(str, rng.integers(0, 10, len(run[0])).tolist()))

    chosen = of.take(np.array([row for row, text in enumerate(of.texts) if MASKED_DIGITS.search(text)], np.int64))
    return replace(chosen, texts=[MASKED_DIGITS.sub(digits, text) for text in chosen.texts])
