"""A scikit-learn transformer: texts to hashed columns of 1-, 2- and 3-character grams."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from models.documents import parts
from models.folding import fold
from models.grams import NO_GRAM, Grams, grams


class CharGrams(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Counts of folded character grams and of separators, in 2 ** bits hashed columns.

    A count is divided by the square root of the text's number of grams (`Grams.counts`), which keeps texts of
    any length on one scale. Columns are independent of one another, so a linear model over them is a sum of
    weights, one a gram, times one number a text: that is what serving computes. Column 0 is never used; it
    stands for "no gram".

    bits: logarithm of the number of columns, 1 to 30. named: each text is an author's name and a text, joined
    by a line end; no gram crosses the join.
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
            return scaled(*counted(grams(fold(texts)), self.bits))
        names, bodies = zip(*map(parts, texts), strict=True) if texts else ((), ())
        name, body = grams(fold(names)), grams(fold(bodies))
        name_columns, name_grams = counted(name, self.bits)
        body_columns, body_grams = counted(body, self.bits)
        return scaled(name_columns + body_columns, name_grams + body_grams)

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


def counted(found: Grams, bits: int) -> tuple[sparse.csr_matrix, NDArray[np.int64]]:
    """How often each column occurs in each text, and each text's number of grams."""
    plain = tallied(found.hashes, found.starts, bits)
    marks = tallied(found.marks, found.mark_starts, bits)
    return plain + marks, found.counts()


def tallied(hashes: NDArray[np.uint32], starts: NDArray[np.int64], bits: int) -> sparse.csr_matrix:
    """CSR of the counts of hashes (m, k) over texts that begin at `starts`."""
    columns = (hashes & np.uint32((1 << bits) - 1)).astype(np.int32).ravel()
    present = (columns != NO_GRAM).astype(np.float32)
    shape = (len(starts) - 1, 1 << bits)
    counts = sparse.csr_matrix((present, columns, starts * hashes.shape[1]), shape=shape)
    counts.sum_duplicates()
    counts.eliminate_zeros()
    return counts


def scaled(counts: sparse.csr_matrix, grams_each: NDArray[np.int64]) -> sparse.csr_matrix:
    """Each row divided by the square root of its number of grams."""
    scale = (1 / np.sqrt(np.maximum(grams_each, 1))).astype(np.float32)
    counts.data *= np.repeat(scale, np.diff(counts.indptr))
    return counts
