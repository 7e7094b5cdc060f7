from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.folding import offsets
from models.spans import outstanding, sums_of


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
