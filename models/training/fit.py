"""From examples to a fitted, calibrated pipeline."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from models.char_grams import CharGrams
from models.documents import Reads
from models.lanes import on_grid
from models.training.examples import Examples, camouflaged, joined, mingled, split

BITS = 19
CALIBRATION_SHARE = 0.15
# Calibration is in five parts.
LEAST = 5
ITERATIONS = 300
TOLERANCE = 1e-4


class Ways(NamedTuple):
    """How to learn. strength: inverse regularisation of grams weighted by rarity and by how well they tell the classes
    apart, that to the power `telling`. kinds: names of sources, those of one kind together: what tells classes apart is
    looked for within each kind alone, and the best of it counts; none: among all posts. shift: added to the calibrated
    log-odds. copies: how many camouflaged copies of each positive post are learned from beside it, each counting
    `copy_weight` of it; of other posts there is one if `other_weight` is more than 0: ordinary people seldom
    camouflage, but they do slip. mingled_weight: how much a copy of a text in an alphabet with Chinese characters in it
    counts of its original."""

    strength: float = 8.0
    telling: float = 0.5
    kinds: tuple[tuple[str, ...], ...] = ()
    shift: float = 0.0
    copies: int = 3
    copy_weight: float = 0.15
    other_weight: float = 0.0
    mingled_weight: float = 0.3


DEFAULT = Ways()


class Fitted(NamedTuple):
    """A pipeline, and how it does on the posts it was calibrated on: truth and probability of each."""

    pipeline: Pipeline
    held_out: NDArray[np.bool_]
    held_out_chance: NDArray[np.float64]


def fit(of: Examples, reads: Reads, seed: int, ways: Ways = DEFAULT, *, bits: int = BITS) -> Fitted:
    """CharGrams and a logistic regression, calibrated by Platt's method.

    Learned twice: from all but a part of the groups, to calibrate on that part; then from all, which is what the
    pipeline keeps. Camouflaged copies are learned from, never calibrated on. ValueError if one side of the split
    has too few posts or lacks a class.
    """
    training, calibration = split(of, CALIBRATION_SHARE, seed)
    for part, name in ((training, "learn"), (calibration, "calibrate")):
        positive = int(part.positive.sum())
        fewer, more = sorted((positive, len(part) - positive))
        if more < LEAST or not fewer:
            raise ValueError(
                f"too few posts that differ: to {name} from there are {len(part):,}, of which {positive:,} are "
                f"positive; it takes {LEAST} of one label and some of the other (posts of one text stay together, and "
                f"about {CALIBRATION_SHARE:.0%} are kept to calibrate): label more"
            )
    grams = CharGrams(bits=bits, named=reads == "name+text").fit([])
    held_out = grams.transform(calibration.documents(reads))
    classifier = calibrated(learned(grams, training, reads, seed, ways), held_out, calibration)
    classifier.calibrated_classifiers_[0].calibrators[0].b_ -= ways.shift
    chance = classifier.predict_proba(held_out)[:, 1]
    classifier.estimator = FrozenEstimator(learned(grams, of, reads, seed, ways))
    classifier.calibrated_classifiers_[0].estimator = classifier.estimator
    return Fitted(Pipeline([("grams", grams), ("classifier", classifier)]), calibration.positive, chance)


def learned(grams: CharGrams, of: Examples, reads: Reads, seed: int, ways: Ways) -> LogisticRegression:
    """A model of posts and their camouflaged copies."""
    all_of = with_copies(of, seed, ways)
    counts = grams.transform(all_of.documents(reads))
    return logistic(counts, all_of.positive, all_of.weights, all_of.sources, ways)


def with_copies(of: Examples, seed: int, ways: Ways) -> Examples:
    """Posts, and behind them their camouflaged copies and those of another script."""
    positive, other = of.take(np.flatnonzero(of.positive)), of.take(np.flatnonzero(~of.positive))
    return joined([
        of,
        *camouflaged(positive, ways.copies, ways.copy_weight, seed),
        *camouflaged(other, int(ways.other_weight > 0), ways.other_weight, seed),
        mingled(of, ways.mingled_weight, seed),
    ])  # fmt: skip


def logistic(
    counts: sparse.csr_matrix,
    positive: NDArray[np.bool_],
    weights: NDArray[np.float64],
    sources: Sequence[str],
    ways: Ways,
) -> LogisticRegression:
    """A logistic regression over grams weighted by rarity and log-count ratio, with both put into its weights."""
    scale = inverse_frequency(counts) * telling(counts, positive, weights, sources, ways) ** np.float32(ways.telling)
    model = LogisticRegression(C=ways.strength, tol=TOLERANCE, max_iter=ITERATIONS)
    # One thread: sums in another order would not be the same to the last bit. More iterations than ITERATIONS
    # change nothing that can be measured, so that stopping short is no reason to warn.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(counts @ sparse.diags_array(scale), positive, weights)
    model.coef_ = on_grid(model.coef_ * scale)
    model.intercept_ = model.intercept_.astype(np.float32)
    return model


def telling(
    counts: sparse.csr_matrix,
    positive: NDArray[np.bool_],
    weights: NDArray[np.float64],
    sources: Sequence[str],
    ways: Ways,
) -> NDArray[np.float32]:
    """The log-count ratio of each gram: among all posts, or the highest within a kind of them."""
    named = np.array(sources)
    kinds = [np.flatnonzero(np.isin(named, kind)) for kind in ways.kinds] or [np.arange(len(named))]
    ratios = [log_ratio(counts[rows], positive[rows], weights[rows]) for rows in kinds]
    return np.asarray(np.max(ratios, axis=0), np.float32)


def log_ratio(
    counts: sparse.csr_matrix, positive: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float32]:
    """How many times as common each gram is on one side as on the other, as a logarithm without its sign (the r of
    Wang and Manning, Baselines and Bigrams, ACL 2012; weighted, smoothed by one)."""
    shares = [np.asarray((weights * side) @ counts).ravel() + 1 for side in (positive, ~positive)]
    first, second = (share / share.sum() for share in shares)
    return np.asarray(np.abs(np.log(first / second)), np.float32)


def inverse_frequency(counts: sparse.csr_matrix) -> NDArray[np.float32]:
    """log((1 + posts) / (1 + posts with the gram)) + 1 (Sparck Jones, smoothed), 0 for what one post has."""
    posts = np.bincount(counts.indices, minlength=counts.shape[1])
    rarity = np.log((1 + counts.shape[0]) / (1 + posts)) + 1
    return np.where(posts < 2, 0, rarity).astype(np.float32)


def calibrated(model: LogisticRegression, counts: sparse.csr_matrix, of: Examples) -> CalibratedClassifierCV:
    """The model with Platt's sigmoid, fitted on the counts of examples it has not learned from."""
    classifier = CalibratedClassifierCV(FrozenEstimator(model), method="sigmoid")
    with warnings.catch_warnings():
        # It warns that the weights are not used to fit the model, and that it can be fitted only so many times: it is
        # fitted already.
        for told in ("Since FrozenEstimator does not appear", "The least populated class"):
            warnings.filterwarnings("ignore", told, UserWarning)
        classifier.fit(counts, of.positive, sample_weight=of.weights)
    return classifier
