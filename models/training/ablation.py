"""What each part of a recipe is worth: the same model without it, on the same posts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit

from models.char_grams import CharGrams
from models.compiled import Calibration
from models.documents import Reads
from models.evader import READABLE, evade
from models.evaluation import figures
from models.grams import ODD_HASH, columns
from models.shape import LENGTHS, SCALES
from models.training.examples import Examples, draw
from models.training.fit import BITS, Ways, logistic, with_copies

PARTS = 5
LogOdds = Callable[[sparse.csr_matrix], NDArray[np.float64]]


class Worth(NamedTuple):
    """A variant on a file. f1 and ece are of probabilities as learned, before any calibration; camouflaged: recall
    of its positive posts in held-out spellings at the strength that is read at once."""

    variant: str
    file: str
    f1: float
    average_precision: float
    ece: float
    camouflaged: float


class Ablation:
    """The columns of all that a model learns from, made once, and a model for every way to look at them."""

    def __init__(self, of: Examples, reads: Reads, seed: int, ways: Ways, say: Callable[[str], None]) -> None:
        self.reads, self.ways, self.seed, self.say = reads, ways, seed, say
        self.posts = len(of)
        self.all = with_copies(of, seed, ways)
        self.grams = CharGrams(bits=BITS, named=reads == "name+text").fit([])
        self.counts = self.grams.transform(self.all.documents(reads))

    def run(self, checks: dict[str, Examples]) -> list[Worth]:
        """Every variant on every check."""
        plain = {file: self.grams.transform(of.documents(self.reads)) for file, of in checks.items()}
        evaded = {
            file: self.grams.transform(evaded_documents(of, self.reads, self.seed)) for file, of in checks.items()
        }
        found = []
        for variant, rows, weights, blind in self.variants():
            self.say(f"ablation: {variant}")
            log_odds = self.learned(rows, weights, blind)
            for file, of in checks.items():
                chance = expit(log_odds(plain[file]))
                got = figures(of.positive, chance)
                camouflaged = float((log_odds(evaded[file]) >= 0).mean())
                found.append(Worth(variant, file, got["f1"], got["average_precision"], got["ece"], camouflaged))
        return found

    def variants(self) -> Iterator[tuple[str, NDArray[np.bool_], NDArray[np.float64], Sequence[int]]]:
        """Name; rows that are learned from; weights of all rows; columns that are not looked at."""
        every, weights = np.ones(len(self.all), bool), self.all.weights
        own = np.array([source.endswith(("own", "own grammar", "ordinary posts")) for source in self.all.sources])
        yield "all of it", every, weights, ()
        yield "without camouflaged copies", np.arange(len(self.all)) < self.posts, weights, ()
        if own.any():
            yield "without text of our own", ~own, weights, ()
        yield "every post counts the same", every, np.ones(len(self.all)), ()
        yield "without lengths", every, weights, self.columns_of(LENGTHS)
        others = np.concatenate([hashes for hashes in SCALES if hashes is not LENGTHS], axis=None)
        yield "without capitals, digits and separators", every, weights, self.columns_of(others)
        yield "without odd pairs", every, weights, self.columns_of(np.array([ODD_HASH]))

    def columns_of(self, hashes: NDArray[np.uint32]) -> list[int]:
        fields = ("text", "name") if self.reads == "name+text" else ("text",)
        return [column for field in fields for column in columns(hashes.ravel(), BITS, field).tolist()]  # type: ignore[arg-type]

    def learned(self, rows: NDArray[np.bool_], weights: NDArray[np.float64], blind: Sequence[int]) -> LogOdds:
        """Columns -> log-odds, of a model learned from some of the rows."""
        seen = np.ones(self.counts.shape[1], np.float32)
        seen[list(blind)] = 0
        eyes = sparse.diags_array(seen)
        sources = [self.all.sources[row] for row in np.flatnonzero(rows).tolist()]
        model = logistic(self.counts[rows] @ eyes, self.all.positive[rows], weights[rows], sources, self.ways)

        def log_odds(counts: sparse.csr_matrix) -> NDArray[np.float64]:
            found: NDArray[np.float64] = model.decision_function(counts @ eyes)
            return found

        return log_odds

    def left_out(
        self, sources: Sequence[str], calibrated: Calibration
    ) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """For each source its rows of the examples, and the probability of each by a model that saw no post of its
        author, or of its wording: the sources are cut in PARTS by group, and left out part by part.

        calibrated: log-odds -> probabilities, as the model that is kept has it.
        """
        of_sources = np.array([source in sources for source in self.all.sources])
        part = np.array([int(draw(f"{self.seed} part {group}") * PARTS) for group in self.all.groups])
        measured = of_sources & (np.arange(len(self.all)) < self.posts)
        chance = np.zeros(len(self.all))
        for number in range(PARTS):
            self.say(f"leaving out part {number + 1} of {PARTS} of {', '.join(sources)}")
            here = of_sources & (part == number)
            log_odds = self.learned(~here, self.all.weights, ())
            chance[measured & here] = calibrated(log_odds(self.counts[measured & here]))
        found = {}
        for source in sources:
            rows = np.flatnonzero(measured & np.array([name == source for name in self.all.sources]))
            found[source] = (rows, chance[rows])
        return found


def evaded_documents(of: Examples, reads: Reads, seed: int) -> list[str]:
    """The positive ones in held-out spellings, names too."""
    positive = of.take(np.flatnonzero(of.positive))
    texts = evade(positive.texts, READABLE, seed, held_out=True)
    names = evade(positive.names, READABLE, seed + 1, held_out=True)
    return replace(positive, texts=texts, names=names).documents(reads)
