"""Which pieces of a post spoke most for a model, in offsets of the original text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.compiled import Compiled
from models.documents import Reads, documents
from models.folding import Folded, fold
from models.grams import Grams, grams

Field = Literal["text", "name"]
Piece = tuple[Field, int, int, float]
# Code points left out at a time to see what a pipeline without weights makes of them.
OMITTED = 6


def gram_pieces(model: Compiled, texts: Sequence[str], names: Sequence[str], top: int) -> list[list[Piece]]:
    """Pieces by the weights of their grams. Each gram's weight is shared by its characters."""
    fields: list[tuple[Field, Sequence[str]]] = [("text", texts)]
    if model.named:
        fields.append(("name", names))
    read = [(field, folded, grams(folded)) for field, folded in ((field, fold(of)) for field, of in fields)]
    scale = 1 / np.sqrt(np.maximum(sum(found.counts() for _, _, found in read), 1))
    found: list[list[Piece]] = [[] for _ in texts]
    for field, folded, hashed in read:
        weights = character_weights(model, hashed)
        for post in range(len(texts)):
            found[post] += pieces_of(field, folded, post, weights, float(scale[post]))
    return [heaviest(pieces, top) for pieces in found]


def character_weights(model: Compiled, found: Grams) -> NDArray[np.float64]:
    """float64[m]: what each folded code adds, a gram's weight shared evenly by its codes."""
    weights = model.weights[found.hashes & np.uint32(len(model.weights) - 1)].astype(np.float64)
    shares = weights / np.array([1.0, 2.0, 3.0])
    total: NDArray[np.float64] = shares.sum(axis=1)
    total[1:] += shares[:-1, 1] + shares[:-1, 2]
    total[2:] += shares[:-2, 2]
    return total


def pieces_of(field: Field, folded: Folded, post: int, weights: NDArray[np.float64], scale: float) -> Iterator[Piece]:
    """The pieces of one text that stand out above its average."""
    here = slice(int(folded.starts[post]), int(folded.starts[post + 1]))
    origin, own = folded.origin[here], weights[here] * scale
    for first, last in outstanding(own):
        yield field, int(origin[first]), int(origin[last]) + 1, round(float(own[first : last + 1].sum()), 4)


def outstanding(weights: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    """Windows (first, last) whose weights add up to most above the mean: all maximal ones, left to right.

    Ruzzo and Tompa's problem, solved by running sums: a window opens where the sum turns positive, and closes
    at the highest sum before it falls back to where it opened.
    """
    above = weights - max(float(weights.mean()), 0.0) if len(weights) else weights
    opened, best, total, peak = None, 0, 0.0, 0.0
    for place, weight in enumerate(above.tolist()):
        if opened is None and weight > 0:
            opened, total, peak = place, 0.0, 0.0
        if opened is None:
            continue
        total += weight
        if total > peak:
            best, peak = place, total
        elif total <= peak / 2:
            yield opened, best
            opened = None
    if opened is not None:
        yield opened, best


def heaviest(pieces: list[Piece], top: int) -> list[Piece]:
    ranked = sorted(pieces, key=lambda piece: -piece[3])
    return [piece for piece in ranked if piece[3] > 0][:top]


def omission_pieces(
    pipeline: Any, reads: Reads, texts: Sequence[str], names: Sequence[str], top: int
) -> list[list[Piece]]:
    """Pieces of a pipeline without weights: how far its log-odds fall when a piece is left out."""
    return [omitted(pipeline, reads, text, name, top) for text, name in zip(texts, names, strict=True)]


def omitted(pipeline: Any, reads: Reads, text: str, name: str, top: int) -> list[Piece]:
    pieces: list[tuple[Field, int, int]] = [
        ("text", start, min(start + OMITTED, len(text))) for start in range(0, len(text), OMITTED)
    ]
    if reads == "name+text" and name:
        pieces.append(("name", 0, len(name)))
    without = [
        (text, name[:start] + name[end:]) if field == "name" else (text[:start] + text[end:], name)
        for field, start, end in pieces
    ]
    whole_and_parts = [(text, name), *without]
    read = documents([text for text, _ in whole_and_parts], [name for _, name in whole_and_parts], reads)
    chance = np.clip(pipeline.predict_proba(read)[:, 1], 1e-6, 1 - 1e-6)
    log_odds = np.log(chance / (1 - chance))
    falls = (log_odds[0] - log_odds[1:]).tolist()
    return heaviest([(*piece, round(fall, 4)) for piece, fall in zip(pieces, falls, strict=True)], top)
