"""The scorer: grams of a batch in, one probability a post and model out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.compiled import Compiled, WeightTable, compile_pipeline
from models.documents import Reads, documents
from models.folding import Folded
from models.grams import Grams
from models.lanes import LANES
from models.registry import SHIPPED, Registry
from models.spans import Piece, Reading, gram_pieces, omission_pieces


class Pipeline(Protocol):
    """A fitted scikit-learn pipeline over texts."""

    classes_: NDArray[Any]

    def predict_proba(self, X: Sequence[str]) -> NDArray[np.float64]: ...


class Scorer:
    """Scores posts with every model of a registry.

    Models that compile are read from weight tables; any other pipeline with `predict_proba` is asked itself,
    which is far slower. The probability is that of the pipeline's second class.
    """

    def __init__(self, pipelines: dict[str, Pipeline], versions: dict[str, str], reads: dict[str, Reads]) -> None:
        """`versions` and `reads` (what a model reads) have the keys of `pipelines`, the models' names."""
        self.names = tuple(sorted(pipelines))
        self.versions = {name: versions[name] for name in self.names}
        self._reads = reads
        compiled = {name: compile_pipeline(pipelines[name]) for name in self.names}
        self._compiled: dict[str, Compiled] = {name: model for name, model in compiled.items() if model}
        self._pipelines = {name: pipelines[name] for name in self.names if name not in self._compiled}
        self._tables = tables(self._compiled)

    @classmethod
    def load(cls, directory: Path | None = None) -> Scorer:
        """The served models of a registry, by default the shipped one. RegistryError if one may not be opened."""
        registry = Registry(directory or SHIPPED)
        entries = [registry.entry(name) for name in registry.names()]
        return cls(
            {entry.name: registry.load(entry) for entry in entries},
            {entry.name: entry.version for entry in entries},
            {entry.name: entry.input for entry in entries},
        )

    def score(self, text: Grams, name: Grams, texts: Sequence[str], names: Sequence[str]) -> NDArray[np.float32]:
        """float32 (n, models): a probability for each post and model, models in the order of `names`.

        text, name: grams of the folded texts and author names; texts, names: the same as they came, for
        pipelines that do not compile.
        """
        scores = np.empty((len(text), len(self.names)), np.float32)
        for held, table in self._tables:
            scores[:, [self.names.index(model) for model in held]] = table.probabilities(text, name)
        for model, pipeline in self._pipelines.items():
            read = documents(texts, names, self._reads[model])
            scores[:, self.names.index(model)] = pipeline.predict_proba(read)[:, 1] if read else []
        return scores

    def spans(
        self,
        folded: Folded,
        texts: Sequence[str],
        names: Sequence[str],
        wanted: Mapping[str, Sequence[int]],
        top: int = 3,
    ) -> dict[str, list[list[Piece]]]:
        """For each model and each post that is wanted of it, up to `top` pieces (field, start, end, weight) that
        spoke most for the model, heaviest first.

        folded: the texts of n posts, and behind them their authors' names; texts, names: the same as they came. wanted:
        places of posts, 0 to n - 1, by model.
        Offsets are code points of the original text or name; the weight is in log-odds before calibration. Meant for
        the few posts that people will look at."""
        compiled = {
            model: self._compiled[model] for model, posts in wanted.items() if model in self._compiled and posts
        }
        of_models = [wanted[model] for model in compiled]
        by_grams = gram_pieces(list(compiled.values()), Reading(folded), of_models, top)
        found = dict(zip(compiled, by_grams, strict=True))
        for model, posts in wanted.items():
            if model not in found:
                of_posts = [texts[post] for post in posts], [names[post] for post in posts]
                found[model] = (
                    omission_pieces(self._pipelines[model], self._reads[model], *of_posts, top) if posts else []
                )
        return found


def tables(models: dict[str, Compiled]) -> list[tuple[tuple[str, ...], WeightTable]]:
    """Models with as many columns share a table, up to its width."""
    by_bits = groupby(sorted(models, key=lambda name: models[name].bits), key=lambda name: models[name].bits)
    return [
        (held, WeightTable([models[name] for name in held])) for _, group in by_bits for held in in_threes(tuple(group))
    ]


def in_threes(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [names[start : start + LANES] for start in range(0, len(names), LANES)]
