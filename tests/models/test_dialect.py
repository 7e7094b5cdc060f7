from __future__ import annotations

import numpy as np
import pytest

from models.training.dialect import alarms_by_dialect, marked


@pytest.mark.parametrize(
    "text",
    [
        "she be working late",
        "They finna leave",
        "we ain’t got no bread left",
        "y'all coming over?",
        "he done finished it",
    ],
)
def test_features_of_the_dialect_are_seen(text: str) -> None:
    assert marked([text]).tolist() == [True]


@pytest.mark.parametrize("text", ["it will be working soon", "He has finished it", "the data is gone", "今天下雨", ""])
def test_other_english_has_none(text: str) -> None:
    assert marked([text]).tolist() == [False]


def test_false_alarms_are_those_of_ordinary_posts_with_marks_and_without() -> None:
    texts = ["y'all good", "y'all bad", "finna eat", "good morning", "good night"]
    found = alarms_by_dialect(texts, np.array([False, True, False, False, False]), np.array([0.9, 0.9, 0.1, 0.1, 0.2]))
    assert [tuple(row) for row in found] == [("with marks", 2, 0.5), ("without", 2, 0.0)]


def test_no_post_of_a_kind_has_no_share() -> None:
    (with_marks, _) = alarms_by_dialect(["good"], np.array([False]), np.array([0.1]))
    assert np.isnan(with_marks.share)
