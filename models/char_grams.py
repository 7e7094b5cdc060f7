"""A scikit-learn transformer: texts to the hashed columns of their grams."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from models.documents import parts
from models.folding import fold
from models.grams import NO_GRAM, ODD_HASH, SHAPE_VALUE, Field, columns, grams


class CharGrams(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Counts of folded character grams, separators, words and odd pairs, and the shape, in 2 ** bits hashed columns.

    A count is divided by the square root of the text's number of grams (`Grams.counts`), which keeps texts of
    any length on one scale; a hash of its shape counts SHAPE_VALUE. Columns are independent of one another, so a
    linear model over them is a sum of weights, one a gram, times one number a text: that is what serving computes.
    Column 0 is never used; it stands for "no gram".

    bits: logarithm of the number of columns, 1 to 30. named: each text is an author's name and a text, joined
    by a line end. No gram crosses the join, a gram of the name has a column of its own, and each of the two is
    divided by its own root.
    """

    def __init__(self, bits: int = 19, named: bool = False) -> None:
        self.bits = bits
        self.named = named

    def fit(self, X: Iterable[str], y: object = None) -> CharGrams:
        """Learns nothing; checks the parameters. ValueError if `bits` is out of range or X is no texts."""
        if not 1 <= self.bits <= 30:
            raise ValueError(f"bits must be between 1 and 30, not {self.bits}")
        texts_of(X)
        self.n_columns_ = 1 << self.bits
        return self

    def transform(self, X: Iterable[str]) -> sparse.csr_matrix:
        """float32 CSR of shape (texts, 2 ** bits). ValueError if X is not an iterable of str."""
        check_is_fitted(self)
        texts = texts_of(X)
        if not self.named:
            return field_columns(texts, self.bits, "text")
        names, bodies = zip(*map(parts, texts), strict=True) if texts else ((), ())
        return field_columns(bodies, self.bits, "text") + field_columns(names, self.bits, "name")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = True
        return tags


def texts_of(X: Iterable[str]) -> list[str]:
    """X as a list. ValueError if it is one str, or holds anything else than str."""
    if isinstance(X, str):
        raise ValueError("Iterable over raw text documents expected, string object received.")
    texts = list(X)
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(f"every text must be a str, not {type(text).__name__}")
    return texts


def field_columns(texts: Sequence[str], bits: int, field: Field) -> sparse.csr_matrix:
    """CSR of what stands in each column for texts, or for names."""
    found = grams(fold(texts))
    each = np.arange(len(texts) + 1)
    counts = sum(
        (tallied(columns(hashes, bits, field), starts, 1 << bits) for hashes, starts in found.counted()),
        start=tallied(columns(np.full((len(texts), 1), ODD_HASH), bits, field), each, 1 << bits, found.odd),
    )
    scale = (1 / np.sqrt(np.maximum(found.counts(), 1))).astype(np.float32)
    counts.data *= np.repeat(scale, np.diff(counts.indptr))
    shapes = tallied(columns(found.shapes.T, bits, field), each, 1 << bits)
    return counts + shapes * np.float32(SHAPE_VALUE)


def tallied(
    places: NDArray[np.uint32], starts: NDArray[np.int64], width: int, times: NDArray[np.int64] | None = None
) -> sparse.csr_matrix:
    """CSR of the counts of columns (m, k), each `times`, over texts that begin at `starts`."""
    held = places.astype(np.int32).ravel()
    present = (held != NO_GRAM).astype(np.float32)
    if times is not None:
        present *= times
    counts = sparse.csr_matrix((present, held, starts * places.shape[1]), shape=(len(starts) - 1, width))
    counts.sum_duplicates()
    counts.eliminate_zeros()
    return counts
