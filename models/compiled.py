"""A fitted pipeline as numbers: weights a gram, one bias, one calibration curve.

A pipeline of CharGrams and a linear classifier, calibrated or not, gives

    probability = calibrate(scale * sum of the weights of the text's grams + the weight of its length + bias)

with scale = 1 / sqrt(number of grams), and the same for the author's name where it is read. So it needs no sparse
matrix at serving: models that share their number of columns lie side by side in one table, and one gather a gram
serves up to four of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.grams import LENGTH_VALUE, NO_GRAM, ODD_HASH, Field, Grams, columns

Calibration = Callable[[NDArray[np.float64]], NDArray[np.float64]]
# Four float32 are 16 bytes, which numpy gathers as one complex number: thrice as fast as rows of any other width.
SIDE_BY_SIDE = 4
# Codes gathered at once, so that the intermediate rows stay in the processor's cache.
CODES_AT_ONCE = 1 << 14


@dataclass(frozen=True)
class Compiled:
    """One compiled model. weights: float32[2 ** bits], 0 at NO_GRAM. named: the author's name is read, too."""

    bits: int
    named: bool
    weights: NDArray[np.float32]
    bias: float
    calibrate: Calibration


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
    weights = np.array(model.coef_, np.float32).ravel()
    weights[NO_GRAM] = 0
    return Compiled(grams.bits, grams.named, weights, float(np.ravel(model.intercept_)[0]), calibrate)


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
    """Up to four compiled models with the same number of columns, side by side."""

    def __init__(self, models: Sequence[Compiled]) -> None:
        self.models = tuple(models)
        self.bits = models[0].bits
        weights = np.zeros((1 << models[0].bits, SIDE_BY_SIDE), np.float32)
        for place, model in enumerate(models):
            weights[:, place] = model.weights
        self.rows = weights.view(np.complex128).ravel()

    def probabilities(self, text: Grams, name: Grams) -> NDArray[np.float64]:
        """float64 (n, models): each model's probability for each post."""
        text_margins = self.margins(text, "text")
        name_margins = self.margins(name, "name") if any(model.named for model in self.models) else None
        result = np.empty((len(text), len(self.models)))
        for place, model in enumerate(self.models):
            margins = text_margins[:, place] + model.bias
            if model.named and name_margins is not None:
                margins += name_margins[:, place]
            result[:, place] = model.calibrate(margins)
        return result

    def margins(self, grams: Grams, field: Field) -> NDArray[np.float64]:
        """float64 (n, 4): what a field adds to the margin of each model."""
        sums = np.zeros((len(grams), SIDE_BY_SIDE), np.float32)
        for hashes, starts in grams.counted():
            self.add(hashes, starts, field, sums)
        if grams.odd.any():
            sums += grams.odd[:, None].astype(np.float32) * self.weights(np.array([ODD_HASH]), field)
        scale = 1 / np.sqrt(np.maximum(grams.counts(), 1))
        return sums * scale[:, None] + LENGTH_VALUE * self.weights(grams.length_hashes(), field)

    def add(
        self, hashes: NDArray[np.uint32], starts: NDArray[np.int64], field: Field, sums: NDArray[np.float32]
    ) -> None:
        """Add to `sums` the weights of hashes (m, k) whose texts begin at `starts`."""
        for low, high in portions(starts):
            begin, end = starts[low], starts[high]
            each_gram = iter(hashes[begin:end].T)
            gathered = self.weights(next(each_gram), field)
            for column in each_gram:
                gathered += self.weights(column, field)
            # reduceat reads an empty piece as the element it begins at: leave empty texts out.
            filled = low + np.flatnonzero(np.diff(starts[low : high + 1]))
            sums[filled] += np.add.reduceat(gathered, starts[filled] - begin, axis=0)

    def weights(self, hashes: NDArray[np.uint32], field: Field) -> NDArray[np.float32]:
        """float32 (m, 4): the weights of hashed grams."""
        return self.rows.take(columns(hashes, self.bits, field)).view(np.float32).reshape(-1, SIDE_BY_SIDE)


def portions(starts: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Ranges of texts, not all empty, of about CODES_AT_ONCE codes each."""
    low, texts = 0, len(starts) - 1
    while low < texts:
        high = int(starts.searchsorted(starts[low] + CODES_AT_ONCE, "right")) - 1
        high = min(max(high, low + 1), texts)
        if starts[high] > starts[low]:
            yield low, high
        low = high
