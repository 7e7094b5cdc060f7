from __future__ import annotations

from itertools import pairwise

import numpy as np

from models.folding import fold
from models.grams import NO_GRAM, grams


def of(*texts: str) -> list[list[tuple[int, int]]]:
    """For each text the hash of each word, and of the word with the one before it."""
    found = grams(fold(texts))
    hashes, starts = found.words, found.word_starts
    pairs = list(map(tuple, hashes.tolist()))
    return [pairs[first:last] for first, last in pairwise(starts)]


def test_a_text_has_its_words_and_pairs_of_neighbours() -> None:
    (free, money, now), (alone,) = of("free money now", "MONEY!")
    assert free[1] == NO_GRAM
    assert money[0] == alone[0]
    assert len({free[0], money[0], now[0], money[1], now[1]}) == 5


def test_neighbours_are_those_of_the_same_text() -> None:
    (_, pair), (_, split), (_,), (_,) = of("加微信vx看fuli", "加微信vx ... fuli", "vx", "fuli")
    assert pair[1] == split[1] != NO_GRAM
    assert of("vx", "fuli") == [[(pair_of("vx"), NO_GRAM)], [(pair_of("fuli"), NO_GRAM)]]


def pair_of(word: str) -> int:
    return of(word)[0][0][0]


def test_the_same_letters_in_another_order_are_another_word() -> None:
    assert pair_of("stop") != pair_of("pots")


def test_of_a_number_only_its_length_is_told() -> None:
    assert pair_of("8899") == pair_of("1234") != pair_of("123")
    letters, number = of("vx8899")[0]
    assert letters == (pair_of("vx"), NO_GRAM)
    assert number == (pair_of("0000"), of("vx1234")[0][1][1])


def test_chinese_has_no_words_and_no_text_has_none_of_its_neighbours() -> None:
    assert of("加微信", "", "一a", "+%") == [[], [], of("a一")[0], []]
    assert len(of("一a")[0]) == 1


def test_a_word_without_end_has_a_hash() -> None:
    text = "".join(np.random.default_rng(1).choice(list("abcdefgh"), 200).tolist())
    assert pair_of(text) != pair_of(text[:-1])
