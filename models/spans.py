"""Which pieces of a post spoke most for a model, in offsets of the original text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.compiled import Compiled
from models.documents import Reads, documents
from models.folding import SPACE, Folded, fold
from models.grams import Field, Grams, columns, grams
from models.words import word_places

Piece = tuple[Field, int, int, float]
# Code points left out at a time to see what a pipeline without weights makes of them.
OMITTED = 6


def gram_pieces(model: Compiled, texts: Sequence[str], names: Sequence[str], top: int) -> list[list[Piece]]:
    """Pieces by the weights of their grams. Each gram's weight is shared by its characters."""
    fields: list[tuple[Field, Sequence[str]]] = [("text", texts)]
    if model.named:
        fields.append(("name", names))
    read = [(field, folded, grams(folded)) for field, folded in ((field, fold(of)) for field, of in fields)]
    found: list[list[Piece]] = [[] for _ in texts]
    for field, folded, hashed in read:
        weights = character_weights(model, folded, hashed, field)
        scale = 1 / np.sqrt(np.maximum(hashed.counts(), 1))
        for post in range(len(texts)):
            found[post] += pieces_of(field, folded, post, weights, float(scale[post]))
    return [heaviest(pieces, top) for pieces in found]


def character_weights(model: Compiled, folded: Folded, found: Grams, field: Field) -> NDArray[np.float64]:
    """float64[m]: what each folded code adds, a gram's or a word's weight shared evenly by its codes."""
    weights = model.weights[columns(found.hashes, model.bits, field)].astype(np.float64)
    shares = weights / np.array([1.0, 2.0, 3.0])
    total: NDArray[np.float64] = shares.sum(axis=1)
    total[1:] += shares[:-1, 1] + shares[:-1, 2]
    total[2:] += shares[:-2, 2]
    first, lengths = word_places(folded)
    in_words = np.repeat(first - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
    total[in_words] += np.repeat(model.weights[columns(found.words[:, 0], model.bits, field)] / lengths, lengths)
    return total


def pieces_of(field: Field, folded: Folded, post: int, weights: NDArray[np.float64], scale: float) -> Iterator[Piece]:
    """The pieces of one text that stand out above its average, each grown to whole words."""
    low, high = int(folded.starts[post]), int(folded.starts[post + 1])
    codes, origin, own = folded.codes[low:high], folded.origin[low:high], weights[low:high] * scale
    after = 0
    for first, last in outstanding(own):
        first, last = max(word_start(codes, first), after), word_end(codes, last)
        if first <= last:
            weight = round(float(own[first : last + 1].sum()), 4)
            yield field, int(origin[first]), int(origin[last]) + 1, weight
        after = max(after, last + 1)


def word_start(codes: NDArray[np.uint32], place: int) -> int:
    """Where the Latin word or number at `place` begins; past it, if it is a space."""
    if codes[place] == SPACE and place + 1 < len(codes):
        return place + 1
    while place and is_latin(codes[place]) and is_latin(codes[place - 1]):
        place -= 1
    return place


def word_end(codes: NDArray[np.uint32], place: int) -> int:
    """Where the Latin word or number at `place` ends; before it, if it is a space."""
    if codes[place] == SPACE and place:
        return place - 1
    while place + 1 < len(codes) and is_latin(codes[place]) and is_latin(codes[place + 1]):
        place += 1
    return place


def is_latin(code: np.uint32) -> bool:
    return chr(code).isascii() and chr(code).isalnum()


def outstanding(weights: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    """Windows (first, last), left to right, whose weights are high above the mean.

    A running sum: a window opens where a weight is above the mean, ends at the highest sum it reaches, and is
    closed when the sum has fallen to half of that.
    """
    above = (weights - max(float(weights.mean()), 0.0)).tolist() if len(weights) else []
    place = 0
    while place < len(above):
        if above[place] <= 0:
            place += 1
            continue
        first = last = place
        total = peak = above[place]
        for later in range(place + 1, len(above)):
            total += above[later]
            if total > peak:
                last, peak = later, total
            elif total <= peak / 2:
                break
        yield first, last
        place = last + 1


def heaviest(pieces: list[Piece], top: int) -> list[Piece]:
    """The first few by weight; what weighs less than a tenth of the first says nothing."""
    ranked = sorted(pieces, key=lambda piece: -piece[3])
    return [piece for piece in ranked[:top] if piece[3] > 0 and piece[3] >= ranked[0][3] / 10]


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
