"""A fitted pipeline as numbers: weights a gram, one bias, one calibration curve.

A pipeline of CharGrams and a linear classifier, calibrated or not, gives

    probability = calibrate(scale * sum of the weights of the text's grams + those of its shape + bias)

with scale = 1 / sqrt(number of grams), and the same for the author's name where it is read. So it needs no sparse
matrix at serving: models that share their number of columns lie side by side in one table, and one gather a gram
serves up to three of them (`models.lanes`).

Training rounds weights to the grid they are served on. A model that is off it is put on it here: each weight moves by
half a step at most, a step being less than 1 / 2047 of the heaviest weight, and so the margin of a text by half a step
for each of its grams, separators and words, times scale. Roundings go both ways, so that it is far less as a rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.folding import offsets
from models.grams import NO_GRAM, ODD_HASH, SHAPE_VALUE, Field, Grams, columns
from models.lanes import LANES, LEVELS_A_SUM, levels_of, packed, step_of, unpacked

Calibration = Callable[[NDArray[np.float64]], NDArray[np.float64]]
Read = tuple[Grams, Field]
# Codes gathered at once, so that what lies between stays in the processor's cache.
CODES_AT_ONCE = 1 << 14


@dataclass(frozen=True)
class Compiled:
    """One compiled model. levels: int16[2 ** bits], weights in steps, 0 at NO_GRAM. named: the author's name is read,
    too."""

    bits: int
    named: bool
    levels: NDArray[np.int16]
    step: float
    bias: float
    calibrate: Calibration

    def weights(self, hashes: NDArray[np.uint32], field: Field) -> NDArray[np.float64]:
        """float64, shaped as `hashes`: the weights of hashed grams."""
        return np.asarray(self.levels[columns(hashes, self.bits, field)] * self.step, np.float64)


def compile_pipeline(pipeline: Any) -> Compiled | None:
    """The compiled form of a fitted scikit-learn pipeline, or None if it is not of the form that has one."""
    from sklearn.pipeline import Pipeline

    from models.char_grams import CharGrams

    if not isinstance(pipeline, Pipeline) or len(pipeline.steps) != 2:
        return None
    grams, classifier = pipeline[0], pipeline[1]
    linear = linear_and_calibration(classifier)
    if not isinstance(grams, CharGrams) or linear is None or len(classifier.classes_) != 2:
        return None
    model, calibrate = linear
    weights = np.array(model.coef_, np.float64).ravel()
    weights[NO_GRAM] = 0
    step = step_of(weights)
    bias = float(np.ravel(model.intercept_)[0])
    return Compiled(grams.bits, grams.named, levels_of(weights, step), step, bias, calibrate)


def linear_and_calibration(classifier: Any) -> tuple[Any, Calibration] | None:
    """The linear model inside a classifier and the curve from its margin to a probability."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator
    from sklearn.linear_model import LogisticRegression

    if isinstance(classifier, FrozenEstimator):
        return linear_and_calibration(classifier.estimator)
    if isinstance(classifier, LogisticRegression):
        return classifier, sigmoid(-1.0, 0.0)
    if not isinstance(classifier, CalibratedClassifierCV) or len(classifier.calibrated_classifiers_) != 1:
        return None
    calibrated = classifier.calibrated_classifiers_[0]
    inner = calibrated.estimator
    inner = inner.estimator if isinstance(inner, FrozenEstimator) else inner
    curve = calibration_curve(calibrated.calibrators[0])
    if curve is None or not hasattr(inner, "decision_function") or not hasattr(inner, "coef_"):
        return None
    return inner, curve


def calibration_curve(calibrator: Any) -> Calibration | None:
    """The curve of a fitted calibrator of scikit-learn: Platt's sigmoid or isotonic steps."""
    from sklearn.isotonic import IsotonicRegression

    if isinstance(calibrator, IsotonicRegression):
        return steps(calibrator.X_thresholds_, calibrator.y_thresholds_)
    if hasattr(calibrator, "a_") and hasattr(calibrator, "b_"):
        return sigmoid(float(calibrator.a_), float(calibrator.b_))
    return None


def sigmoid(slope: float, shift: float) -> Calibration:
    """1 / (1 + exp(slope * margin + shift)), as in Platt (1999)."""

    def curve(margins: NDArray[np.float64]) -> NDArray[np.float64]:
        return 0.5 - 0.5 * np.tanh(0.5 * (slope * margins + shift))

    return curve


def steps(places: NDArray[np.float64], values: NDArray[np.float64]) -> Calibration:
    """Straight lines between the points of an isotonic fit, level beyond its ends."""

    def curve(margins: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.interp(margins, places, values)

    return curve


class WeightTable:
    """Up to LANES compiled models with the same number of columns, side by side."""

    def __init__(self, models: Sequence[Compiled]) -> None:
        self.models = tuple(models)
        self.bits = models[0].bits
        self.rows = packed([model.levels for model in models])
        self._odd: dict[Field, NDArray[np.int64]] = {
            "text": self.levels(np.array([ODD_HASH]), "text"),
            "name": self.levels(np.array([ODD_HASH]), "name"),
        }

    def probabilities(self, text: Grams, name: Grams) -> NDArray[np.float64]:
        """float64 (n, models): each model's probability for each post."""
        named = any(model.named for model in self.models)
        margins = self.margins([(text, "text"), (name, "name")] if named else [(text, "text")])
        size = len(text)
        result = np.empty((size, len(self.models)))
        for place, model in enumerate(self.models):
            own = margins[place, :size] + margins[place, size:] if model.named else margins[place, :size]
            result[:, place] = model.calibrate(own * model.step + model.bias)
        return result

    def margins(self, read: Sequence[Read]) -> NDArray[np.float64]:
        """float64 (LANES, n): what each text of some fields, one field behind the other, adds to the margin of each
        model, in steps of the model."""
        odd = np.concatenate([grams.odd * self._odd[field] for grams, field in read], axis=1)
        sums = odd + self.sums(read)
        scale = 1 / np.sqrt(np.maximum(np.concatenate([grams.counts() for grams, _ in read]), 1))
        hashes = np.concatenate([columns(grams.shapes, self.bits, field) for grams, field in read], axis=1)
        shapes = unpacked(self.rows.take(hashes.ravel())).reshape(LANES, *hashes.shape)
        return np.asarray(sums * scale + SHAPE_VALUE * shapes.sum(axis=1), np.float64)

    def sums(self, read: Sequence[Read]) -> NDArray[np.int64]:
        """int64 (LANES, n): sums of the levels of all hashes that are counted, a text of some fields, one field behind
        the other.

        Levels of all kinds of hashes are gathered end to end and added up in one step, which costs small batches less
        than a step for each kind and field.
        """
        parts = [(hashes, starts, field) for grams, field in read for hashes, starts in grams.counted()]
        ends = list(accumulate(len(hashes) for hashes, _, _ in parts))
        gathered = np.empty(ends[-1], np.int64)
        for (hashes, _, field), end in zip(parts, ends, strict=True):
            self._gather(hashes, field, gathered[end - len(hashes) : end])
        begins = [starts[:-1] + first for (_, starts, _), first in zip(parts, [0, *ends], strict=False)]
        size = LEVELS_A_SUM // max(hashes.shape[1] for hashes, _, _ in parts)
        places, firsts = pieces(np.concatenate([*begins, ends[-1:]]), size)
        before = np.zeros((LANES, len(places) + 1), np.int64)
        unpacked(np.add.reduceat(gathered, places)).cumsum(axis=1, out=before[:, 1:])
        bounds = before.take(firsts, axis=1)
        kinds = (bounds[:, 1:] - bounds[:, :-1]).reshape(LANES, len(read), len(parts) // len(read), -1)
        sums: NDArray[np.int64] = kinds.sum(axis=2).reshape(LANES, -1)
        return sums

    def _gather(self, hashes: NDArray[np.uint32], field: Field, out: NDArray[np.int64]) -> None:
        """Set `out` (int64[m]) to the packed levels of hashes (m, k), those side by side added up."""
        for low in range(0, len(out), CODES_AT_ONCE):
            rows = slice(low, low + CODES_AT_ONCE)
            total = out[rows]
            self.rows.take(columns(hashes[rows, 0], self.bits, field), out=total, mode="wrap")
            for gram in range(1, hashes.shape[1]):
                total += self.rows.take(columns(hashes[rows, gram], self.bits, field), mode="wrap")

    def levels(self, hashes: NDArray[np.uint32], field: Field) -> NDArray[np.int64]:
        """int64 (LANES, m): the levels of hashed grams."""
        return unpacked(self.rows.take(columns(hashes, self.bits, field)))


def pieces(starts: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Texts that begin at `starts`, in pieces of at most `size`, none empty: where each of p pieces begins (int64[p]),
    and which is the first of each text (int64[n + 1], the last is p)."""
    counts = -((starts[1:] - starts[:-1]) // -size)
    firsts = offsets(counts)
    return (starts[:-1] - firsts[:-1] * size).repeat(counts) + np.arange(firsts[-1]) * size, firsts
