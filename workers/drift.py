"""The models' scores as Prometheus sees them: a histogram a model, and its drift from when the model was accepted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from models.drift import BINS, EDGES, LEAST_POSTS, References, binned, stability_index
from workers.values import Columns

HALF_LIFE_POSTS = 10_000
BOUNDS = (*(f"{edge:g}" for edge in EDGES), "+Inf")


class Scores(Collector):
    """Scores by model. The drift is that of the last posts: one that is HALF_LIFE_POSTS back counts half."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counts: dict[str, np.ndarray] = {}
        self._recent: dict[str, np.ndarray] = {}
        self._sums: dict[str, float] = {}
        self._then: dict[str, np.ndarray] = {}
        registry.register(self)

    def compare(self, versions: Mapping[str, str], references: References) -> list[str]:
        """Begin: these models are in use. Returns those whose version there is no reference for: no drift is told."""
        for model in versions:
            self._counts[model], self._recent[model], self._sums[model] = np.zeros(BINS, np.int64), np.zeros(BINS), 0.0
        self._then = {
            model: np.array(references[model].counts)
            for model, version in versions.items()
            if model in references and references[model].version == version
        }
        return sorted(versions.keys() - self._then.keys())

    def observe(self, columns: Columns) -> None:
        """Add n posts: a column of probabilities for each model."""
        for model in self._counts:
            scores = columns[model].array
            faded = 0.5 ** (len(scores) / HALF_LIFE_POSTS)
            counts = binned(scores)
            self._counts[model] += counts
            self._recent[model] = self._recent[model] * faded + counts
            self._sums[model] += float(scores.sum())

    def drift(self, model: str) -> float | None:
        """Its population stability index; None without a reference or before LEAST_POSTS."""
        if model not in self._then or self._counts[model].sum() < LEAST_POSTS:
            return None
        return stability_index(self._recent[model], self._then[model])

    def collect(self) -> Iterator[HistogramMetricFamily | GaugeMetricFamily]:
        """Both metrics as they stand."""
        scores = HistogramMetricFamily("sluicegate_score", "What a model said of a post, 0 to 1", labels=["model"])
        drifts = GaugeMetricFamily(
            "sluicegate_score_drift",
            "Population stability index of the last posts' scores against those the model was accepted on",
            labels=["model"],
        )
        for model, counts in self._counts.items():
            totals = np.cumsum(counts).tolist()
            buckets = [(bound, float(total)) for bound, total in zip(BOUNDS, totals, strict=True)]
            scores.add_metric([model], buckets, self._sums[model])
            if (drift := self.drift(model)) is not None:
                drifts.add_metric([model], drift)
        yield scores
        yield drifts
