"""Which pieces of a post spoke most for a model, in offsets of the original text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.compiled import Compiled
from models.documents import Reads, documents
from models.folding import SPACE, Folded, fold
from models.grams import Field, Grams, grams
from models.words import word_places

Piece = tuple[Field, int, int, float]
# Code points left out at a time to see what a pipeline without weights makes of them.
OMITTED = 6


class Reading:
    """A field of some posts, folded and hashed once for every model, with the bounds of its words.

    Attributes:
        folded, grams: of n texts.
        starts: where each text begins in the folded codes, and the last ends; n + 1.
        origin: offset of each folded code in its text as written.
        first, last: for each folded code the ends of the Latin word or number it is in; itself, if in none; the code
            after or before it, if it is a space.
    """

    def __init__(self, field: Field, texts: Sequence[str]) -> None:
        folded = fold(texts)
        self.field = field
        self.folded = folded
        self.grams = grams(folded)
        self.starts: list[int] = folded.starts.tolist()
        self.origin: list[int] = folded.origin.tolist()
        first, last = word_bounds(folded)
        self.first: list[int] = first.tolist()
        self.last: list[int] = last.tolist()


def read_fields(texts: Sequence[str], names: Sequence[str]) -> tuple[Reading, Reading]:
    """Texts and author names of posts, ready for `gram_pieces`."""
    return Reading("text", texts), Reading("name", names)


def gram_pieces(model: Compiled, fields: tuple[Reading, Reading], posts: Sequence[int], top: int) -> list[list[Piece]]:
    """Pieces of these posts by the weights of their grams. Each gram's weight is shared by its characters."""
    read = fields if model.named else fields[:1]
    scales = [1 / np.sqrt(np.maximum(field.grams.counts(), 1)) for field in read]
    weights = [character_weights(model, field.folded, field.grams, field.field).tolist() for field in read]
    return [
        heaviest(
            [
                piece
                for field, own, scale in zip(read, weights, scales, strict=True)
                for piece in pieces_of(field, post, own, float(scale[post]))
            ],
            top,
        )
        for post in posts
    ]


def character_weights(model: Compiled, folded: Folded, found: Grams, field: Field) -> NDArray[np.float64]:
    """float64[m]: what each folded code adds, a gram's or a word's weight shared evenly by its codes."""
    shares = model.weights(found.hashes, field) / np.array([1.0, 2.0, 3.0])
    total: NDArray[np.float64] = shares.sum(axis=1)
    total[1:] += shares[:-1, 1] + shares[:-1, 2]
    total[2:] += shares[:-2, 2]
    first, lengths = word_places(folded)
    in_words = np.repeat(first - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
    total[in_words] += np.repeat(model.weights(found.words[:, 0], field) / lengths, lengths)
    return total


def pieces_of(field: Reading, post: int, weights: list[float], scale: float) -> Iterator[Piece]:
    """The pieces of one text that stand out above its average, each grown to whole words."""
    low, high = field.starts[post], field.starts[post + 1]
    own = [weight * scale for weight in weights[low:high]]
    after = low
    for begin, end in outstanding(own):
        first, last = max(field.first[low + begin], after), field.last[low + end]
        if first <= last:
            yield (
                field.field,
                field.origin[first],
                field.origin[last] + 1,
                round(sum(own[first - low : last + 1 - low]), 4),
            )
        after = max(after, last + 1)


def word_bounds(folded: Folded) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int64[m] each: where the word of each folded code begins and ends; see Reading."""
    codes, starts = folded.codes, folded.starts
    places = np.arange(len(codes))
    # Letters and digits of ASCII, as folding leaves them.
    latin = (codes - np.uint32(ord("a")) < 26) | (codes - np.uint32(ord("A")) < 26) | (codes - np.uint32(ord("0")) < 10)
    begins = np.ones(len(codes) + 1, bool)
    begins[1:-1] = ~(latin[1:] & latin[:-1])
    begins[starts] = True
    first = np.maximum.accumulate(np.where(begins[:-1], places, 0))
    last = np.minimum.accumulate(np.where(begins[1:], places, len(codes))[::-1])[::-1]
    spaces = np.flatnonzero(codes == SPACE)
    inner = np.zeros(len(codes) + 1, bool)
    inner[starts] = True
    first[spaces] += ~inner[spaces + 1]
    last[spaces] -= ~inner[spaces]
    return first, last


def outstanding(weights: list[float]) -> Iterator[tuple[int, int]]:
    """Windows (first, last), left to right, whose weights are high above the mean.

    A running sum: a window opens where a weight is above the mean, ends at the highest sum it reaches, and is
    closed when the sum has fallen to half of that.
    """
    if not weights:
        return
    mean = max(sum(weights) / len(weights), 0.0)
    place = 0
    while place < len(weights):
        if weights[place] <= mean:
            place += 1
            continue
        first = last = place
        total = peak = weights[place] - mean
        for later in range(place + 1, len(weights)):
            total += weights[later] - mean
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
