from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation import THRESHOLDS, calibration_error, figures, reliability, tradeoffs

TRUTH = np.array([False, False, True, True])


def test_a_perfect_model_has_perfect_figures() -> None:
    found = figures(TRUTH, np.array([0.0, 0.0, 1.0, 1.0]))
    assert found == dict.fromkeys(found, 1.0) | {"ece": 0.0}
    assert list(found) == [
        "accuracy",
        "precision",
        "recall",
        "f1",
        "macro_f1",
        "auc",
        "average_precision",
        "ece",
        "recall_at_precision_95",
        "recall_at_precision_98",
    ]


def test_figures_of_a_model_that_errs() -> None:
    found = figures(TRUTH, np.array([0.1, 0.7, 0.4, 0.9]))
    assert found["accuracy"] == 0.5
    assert found["precision"] == 0.5
    assert found["recall"] == 0.5
    assert found["auc"] == 0.75
    assert found["recall_at_precision_95"] == 0.5


def test_ranking_of_one_class_is_not_a_number() -> None:
    found = figures(np.zeros(3, bool), np.array([0.1, 0.2, 0.6]))
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert math.isnan(found["auc"])
    assert math.isnan(found["average_precision"])
    assert math.isnan(found["recall_at_precision_98"])


def test_calibration_error_is_the_distance_of_promise_and_outcome() -> None:
    chance = np.full(10, 0.75)
    truth = np.arange(10) < 5
    assert calibration_error(truth, chance) == pytest.approx(0.25)
    assert reliability(truth, chance) == [(0.7, 0.8, 10, 0.75, 0.5)]
    assert calibration_error(np.zeros(0, bool), np.zeros(0)) == 0


def test_a_higher_threshold_catches_less_and_errs_less() -> None:
    rows = tradeoffs(TRUTH, np.array([0.1, 0.6, 0.75, 0.9]))
    assert [row.threshold for row in rows] == list(THRESHOLDS)
    at = {row.threshold: row for row in rows}
    assert at[0.5].precision == pytest.approx(2 / 3)
    assert (at[0.7].precision, at[0.7].recall, at[0.7].share) == (1, 1, 0.5)
    assert at[0.8].recall == 0.5
    assert math.isnan(at[0.98].precision)


def test_a_model_that_catches_nothing_has_no_precision_and_no_recall() -> None:
    found = figures(TRUTH, np.zeros(4))
    assert (found["precision"], found["recall"], found["f1"]) == (0, 0, 0)


@given(st.lists(st.tuples(st.integers(0, 100), st.booleans()), min_size=1))
def test_a_post_is_in_the_tenth_that_its_probability_is_in(posts: list[tuple[int, bool]]) -> None:
    tenths: dict[int, list[tuple[int, bool]]] = {}
    for hundredths, positive in posts:
        tenths.setdefault(min(hundredths // 10, 9), []).append((hundredths, positive))
    found = reliability(np.array([positive for _, positive in posts]), np.array([h / 100 for h, _ in posts]))
    for row, tenth in zip(found, sorted(tenths), strict=True):
        held = tenths[tenth]
        assert (row.low, row.high, row.posts) == (tenth / 10, (tenth + 1) / 10, len(held))
        assert row.mean == pytest.approx(sum(h for h, _ in held) / 100 / len(held))
        assert row.share == pytest.approx(sum(positive for _, positive in held) / len(held))
