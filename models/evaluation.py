"""How good a model is, in figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BINS = 10
THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)


class Row(NamedTuple):
    """One bin of a reliability table: bounds, posts, their mean probability, their share of positives."""

    low: float
    high: float
    posts: int
    mean: float
    share: float


class Tradeoff(NamedTuple):
    """What a threshold gives: precision and recall of the posts at or above it, and their share of all."""

    threshold: float
    precision: float
    recall: float
    share: float


def figures(positive: NDArray[np.bool_], chance: NDArray[np.floating]) -> dict[str, float]:
    """Figures of probabilities against the truth, all between 0 and 1; a post counts as caught from 0.5 on.

    positive: bool[n]. chance: float[n]. ranking figures (auc, average_precision, recall_at_precision_*) are NaN
    where posts of one class are missing.
    """
    from sklearn import metrics

    caught = chance >= 0.5
    both = bool(positive.any() and not positive.all())
    precision, recall, _ = metrics.precision_recall_curve(positive, chance) if both else ([], [], [])
    return {
        "accuracy": float(metrics.accuracy_score(positive, caught)),
        "precision": float(metrics.precision_score(positive, caught, zero_division=0)),
        "recall": float(metrics.recall_score(positive, caught, zero_division=0)),
        "f1": float(metrics.f1_score(positive, caught, zero_division=0)),
        "macro_f1": float(metrics.f1_score(positive, caught, average="macro", zero_division=0)),
        "auc": float(metrics.roc_auc_score(positive, chance)) if both else float("nan"),
        "average_precision": float(metrics.average_precision_score(positive, chance)) if both else float("nan"),
        "ece": calibration_error(positive, chance),
        "recall_at_precision_95": recall_at(precision, recall, 0.95),
        "recall_at_precision_98": recall_at(precision, recall, 0.98),
    }


def recall_at(precision: Sequence[float], recall: Sequence[float], least: float) -> float:
    """The highest recall of any threshold whose precision is at least `least`; NaN of an empty curve.

    A curve of scikit-learn's ends with precision 1 and recall 0, which is what is left where no threshold has it.
    """
    reached = (float(share) for exactness, share in zip(precision, recall, strict=True) if exactness >= least)
    return max(reached, default=float("nan"))


def reliability(positive: NDArray[np.bool_], chance: NDArray[np.floating]) -> list[Row]:
    """Ten bins of equal width; empty ones are left out."""
    bins = np.minimum((chance * BINS).astype(int), BINS - 1)
    return [
        Row(
            place / BINS,
            (place + 1) / BINS,
            int((bins == place).sum()),
            float(chance[bins == place].mean()),
            float(positive[bins == place].mean()),
        )
        for place in np.unique(bins).tolist()
    ]


def calibration_error(positive: NDArray[np.bool_], chance: NDArray[np.floating]) -> float:
    """Expected calibration error: mean distance of probability and share of positives, by bins of 0.1 (Naeini
    et al., AAAI 2015)."""
    apart = sum(row.posts * abs(row.mean - row.share) for row in reliability(positive, chance))
    return apart / max(len(positive), 1)


def tradeoffs(positive: NDArray[np.bool_], chance: NDArray[np.floating]) -> list[Tradeoff]:
    """Precision and recall at THRESHOLDS; precision is NaN where no post reaches it, recall where none is positive."""
    rows = []
    for threshold in THRESHOLDS:
        caught = chance >= threshold
        right = float((caught & positive).sum())
        rows.append(
            Tradeoff(
                threshold,
                right / caught.sum() if caught.any() else float("nan"),
                right / positive.sum() if positive.any() else float("nan"),
                float(caught.mean()) if len(caught) else float("nan"),
            )
        )
    return rows
