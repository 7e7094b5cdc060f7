from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.compiled import Compiled, sigmoid
from models.folding import fold, offsets
from models.grams import Field, grams
from models.spans import Reading, omission_pieces, outstanding, pieces_of, sums_of
from models.words import word_places


def plain_windows(weights: list[float]) -> Iterator[tuple[int, int]]:
    """A weight at a time: first and last place of the windows of one text."""
    mean = max(sum(weights) / len(weights), 0.0) if weights else 0.0
    place = 0
    while place < len(weights):
        if weights[place] <= mean:
            place += 1
            continue
        first = last = place
        total = peak = weights[place] - mean
        for later in range(place + 1, len(weights)):
            total += weights[later] - mean
            if total > peak:
                last, peak = later, total
            elif total <= peak / 2:
                break
        yield first, last
        place = last + 1


# Sums of a text's weights are multiples of its length, so that the mean and all sums are whole, and exact.
TEXTS = st.lists(st.integers(-50, 50), max_size=20).map(lambda text: [float(len(text) * weight) for weight in text])


@given(st.lists(TEXTS, max_size=6), st.data())
def test_windows_are_those_of_a_running_sum_over_each_text(texts: list[list[float]], data: st.DataObject) -> None:
    posts = data.draw(st.lists(st.sampled_from(range(len(texts))), unique=True).map(sorted) if texts else st.just([]))
    starts = offsets(np.array([len(text) for text in texts], np.int64))
    weights = np.array([weight for text in texts for weight in text], np.float64)
    found = zip(*(column.tolist() for column in outstanding(weights, starts, posts)), strict=True)
    expected = [(post, *window) for post in posts for window in plain_windows(texts[post])]
    assert [(post, first - starts[post], last - starts[post]) for post, first, last in found] == expected


def test_sums_are_of_pieces_and_of_what_lies_behind_each() -> None:
    places = np.array([0, 3]), np.array([1, 4])
    pieces, behind = sums_of(np.array([1.0, 2.0, 4.0, 8.0, 16.0]), *places)
    assert (pieces.tolist(), behind.tolist()) == ([3.0, 24.0], [4.0, 0.0])


WRITTEN = st.text("abz019 .中文微Ａé", max_size=12)
POSTS = st.lists(st.tuples(WRITTEN, WRITTEN), max_size=4)


def reading_of(posts: Sequence[tuple[str, str]]) -> Reading:
    return Reading(fold([*(text for text, _ in posts), *(name for _, name in posts)]))


def plain_words(codes: str) -> list[tuple[int, int]]:
    """For each character of a folded text the ends of what a piece there grows to."""
    bounds: list[tuple[int, int]] = []
    for latin, run in groupby(codes, lambda char: char.isascii() and char.isalnum()):
        start, size = len(bounds), len(list(run))
        bounds += [(start, start + size - 1)] * size if latin else [(at, at) for at in range(start, start + size)]
    return [(at + 1, at - 1) if char == " " else bounds[at] for at, char in enumerate(codes)]


@given(st.lists(WRITTEN, max_size=5).map(lambda texts: texts[: len(texts) // 2 * 2]))
def test_a_piece_grows_to_the_word_or_number_around_it(texts: list[str]) -> None:
    folded = fold(texts)
    reading = Reading(folded)
    for place in range(len(folded)):
        start, stop = folded.starts[place], folded.starts[place + 1]
        first, last = (ends[start:stop] - start for ends in (reading.first, reading.last))
        assert list(zip(first.tolist(), last.tolist(), strict=True)) == plain_words(folded.text(place))


@given(POSTS, st.booleans())
@settings(max_examples=60)
def test_a_gram_s_and_a_word_s_weight_are_shared_evenly_by_their_characters(
    posts: list[tuple[str, str]], named: bool
) -> None:
    levels = np.random.default_rng(7).integers(-99, 99, 1 << 14).astype(np.int16)
    levels[0] = 0
    model = Compiled(14, named, levels, 0.5, 0.0, sigmoid(-1.0, 0.0))
    texts = [*(text for text, _ in posts), *(name for _, name in posts)]
    for place, (text, found) in enumerate(zip(texts, per_text(reading_of(posts), model), strict=True)):
        field: Field = "text" if place < len(posts) else "name"
        expected = plain_weights(model, text, field) if named or field == "text" else 0 * found
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def per_text(reading: Reading, model: Compiled) -> list[NDArray[np.float64]]:
    return np.split(reading.weights(model), reading.starts[1:-1]) if reading.posts else []


def plain_weights(model: Compiled, text: str, field: Field) -> NDArray[np.float64]:
    """A gram at a time: what each folded character of one text adds to the log-odds."""
    folded = fold([text])
    of = grams(folded)
    total = np.zeros(len(folded.codes))
    for size in (1, 2, 3):
        for place, weight in enumerate(model.weights(of.hashes[:, size - 1], field).tolist()):
            total[place : place + size] += weight / size
    begins, lengths = (column.tolist() for column in word_places(folded))
    weights = model.weights(of.words[:, 0], field).tolist()
    for begin, length, weight in zip(begins, lengths, weights, strict=True):
        total[begin : begin + length] += weight / length
    plain: NDArray[np.float64] = total / np.sqrt(max(int(of.counts()[0]), 1))
    return plain


@given(POSTS, st.data())
def test_pieces_are_windows_grown_to_whole_words_that_do_not_overlap(
    posts: list[tuple[str, str]], data: st.DataObject
) -> None:
    reading, models = reading_of(posts), data.draw(st.integers(1, 3))
    some = st.lists(st.sampled_from(range(len(posts))), unique=True).map(sorted) if posts else st.just([])
    wanted = [data.draw(some) for _ in range(models)]
    size, texts = len(reading.origin), np.diff(reading.starts).repeat(np.diff(reading.starts))
    # Multiples of a text's length, as in TEXTS.
    drawn = data.draw(st.lists(st.integers(-50, 50), min_size=models * size, max_size=models * size))
    weights = np.array(drawn, np.float64) * np.tile(texts, models)
    expected = [
        (model, post, (field, *piece))
        for model, own in enumerate(wanted)
        for half, field in enumerate(("text", "name"))
        for post in own
        for piece in plain_pieces(reading, half * len(posts) + post, weights[model * size :])
    ]
    assert list(pieces_of(reading, wanted, weights)) == expected


def plain_pieces(reading: Reading, text: int, weights: NDArray[np.float64]) -> Iterator[tuple[int, int, float]]:
    start, stop = reading.starts[text], reading.starts[text + 1]
    free = start
    for begin, end in plain_windows(weights[start:stop].tolist()):
        first, last = max(reading.first[start + begin], free), reading.last[start + end]
        free = last + 1
        if first <= last:
            yield reading.origin[first], reading.origin[last] + 1, float(weights[first : last + 1].sum())


class Keywords:
    """A pipeline without weights, sure of what it says."""

    def predict_proba(self, read: Sequence[str]) -> NDArray[np.float64]:
        chance = np.array([0.5 if "buy" in text else 1.0 if "vip" in text else 0.1 for text in read])
        return np.stack([1 - chance, chance], axis=1)


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("abcdefbuy nowghijkl", "", [("text", 6, 12, 2.1972)]),
        ("abcdefghi", "buy", [("name", 0, 3, 2.1972)]),
        ("vip", "", [("text", 0, 3, 16.0127)]),
        ("abc", "def", []),
    ],
)
def test_of_a_pipeline_without_weights_a_piece_is_what_it_falls_by_without(
    text: str, name: str, expected: list[tuple[str, int, int, float]]
) -> None:
    assert omission_pieces(Keywords(), "name+text", [text], [name], 3) == [expected]


def test_a_name_that_is_not_read_is_not_left_out() -> None:
    assert omission_pieces(Keywords(), "text", ["abc"], ["buy"], 3) == [[]]
