"""Which pieces of a post spoke most for a model, in offsets of the original text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.compiled import Compiled
from models.documents import Reads, documents
from models.folding import SPACE, Folded
from models.grams import Field, gram_counts, gram_hashes
from models.script import salts
from models.words import is_digit, word_places, words

Piece = tuple[Field, int, int, float]
Places = NDArray[np.int64]
# Code points left out at a time to see what a pipeline without weights makes of them.
OMITTED = 6
SIZES = np.arange(1.0, 4.0)[:, None]
FIELDS: Final[tuple[Field, Field]] = ("text", "name")


class Reading:
    """Texts of n posts and, behind them, their authors' names, hashed once for every model, with the bounds of words.

    Attributes:
        posts: n.
        starts: int64[2 n + 1], where each text or name begins in the m folded codes, and the last ends.
        origin: int32[m], offset of each folded code in its text as written.
        first, last: int64[m], for each folded code the ends of the Latin word or number it is in; itself, if in none;
            the code after or before it, if it is a space.
    """

    def __init__(self, folded: Folded) -> None:
        self.posts = len(folded) // 2
        self.starts = folded.starts
        self.origin = folded.origin
        self.first, self.last = word_bounds(folded)
        self._scale = (1 / np.sqrt(np.maximum(gram_counts(folded.starts), 1))).repeat(folded.lengths)
        salt = salts(folded)
        self._hashes = gram_hashes(folded.codes, folded.starts, salt)
        begins, self._letters = word_places(folded)
        self._words = words(folded, self._hashes, salt, begins, self._letters)[0][:, 0]
        self._in_words = (begins - self._letters.cumsum() + self._letters).repeat(self._letters)
        self._in_words += np.arange(len(self._in_words))
        self._names = int(folded.starts[self.posts])
        self._name_words = int(begins.searchsorted(self._names))

    def weights(self, model: Compiled) -> NDArray[np.float64]:
        """float64[m]: what each folded code adds to the log-odds, a gram's or a word's weight shared evenly by its
        codes; 0 in a name that the model does not read."""
        one, two, three = _weights(model, self._hashes, self._names) / SIZES
        total: NDArray[np.float64] = one + two + three
        total[1:] += two[:-1] + three[:-1]
        total[2:] += three[:-2]
        of_words = _weights(model, self._words, self._name_words)
        total[self._in_words] += (of_words / self._letters).repeat(self._letters)
        total *= self._scale
        if not model.named:
            total[self._names :] = 0
        return total


def _weights(model: Compiled, hashes: NDArray[np.uint32], names: int) -> NDArray[np.float64]:
    """The weights of hashes along the last axis, of which those from `names` on are of names."""
    parts = model.weights(hashes[..., :names], "text"), model.weights(hashes[..., names:], "name")
    joined: NDArray[np.float64] = np.concatenate(parts, axis=-1)
    return joined


def gram_pieces(
    models: Sequence[Compiled], reading: Reading, wanted: Sequence[Sequence[int]], top: int
) -> list[list[list[Piece]]]:
    """For each model pieces of the posts that are wanted of it, by the weights of their grams."""
    pieces: list[dict[int, list[Piece]]] = [{post: [] for post in posts} for posts in wanted]
    if any(wanted):
        weights = [reading.weights(model) for model in models]
        for place, post, piece in pieces_of(reading, wanted, np.concatenate(weights)):
            pieces[place][post].append(piece)
    return [[heaviest(found, top) for found in of_model.values()] for of_model in pieces]


def pieces_of(
    reading: Reading, wanted: Sequence[Sequence[int]], weights: NDArray[np.float64]
) -> Iterator[tuple[int, int, Piece]]:
    """Model and post of each piece, and the piece, that stands out above the average of its text, grown to whole
    words.

    wanted: posts, ascending, for each of k models. weights: float64[k m], the weights of one model behind the other.
    """
    models, codes, texts, posts = len(wanted), len(reading.origin), len(reading.starts) - 1, reading.posts
    starts = np.append(np.arange(models)[:, None] * codes + reading.starts[:-1], models * codes)
    asked = [model * texts + half + post for model, own in enumerate(wanted) for half in (0, posts) for post in own]
    text, begin, end = outstanding(weights, starts, asked)
    # Where the codes of the piece's model begin.
    base = text // texts * codes
    first, last = reading.first[begin - base] + base, reading.last[end - base] + base
    # What has grown into the word after it leaves that less to grow into.
    same = text[1:] == text[:-1]
    np.maximum(first[1:], (last[:-1] + 1) * same, out=first[1:])
    whole = first <= last
    text, first, last, base = text[whole], first[whole], last[whole], base[whole]
    sums = sums_of(weights, first, last)[0].tolist()
    offsets = reading.origin[first - base].tolist(), (reading.origin[last - base] + 1).tolist()
    for number, start, stop, weight in zip(text.tolist(), *offsets, sums, strict=True):
        model, place = divmod(number, texts)
        named, post = divmod(place, posts)
        yield model, post, (FIELDS[named], start, stop, round(weight, 4))


def outstanding(weights: NDArray[np.float64], starts: Places, posts: Sequence[int]) -> tuple[Places, Places, Places]:
    """Post, first and last place of the windows of these posts, left to right, whose weights are high above the mean.

    A running sum: a window opens where a weight is above its text's mean, ends at the highest sum it reaches, and is
    closed when the sum has fallen to half of that. So it opens with a run of weights above the mean, and ends with one.
    """
    lengths = starts[1:] - starts[:-1]
    wanted = np.array([post for post in posts if lengths[post]], np.intp)
    means = np.full(len(lengths), np.inf)
    means[wanted] = np.maximum(sums_of(weights, starts[wanted], starts[wanted + 1] - 1)[0] / lengths[wanted], 0.0)
    excess = weights - means.repeat(lengths)
    border = np.ones(len(weights) + 1, np.bool_)
    above = excess > 0
    border[1:-1] = above[1:] != above[:-1]
    border[starts] = True
    begins, ends = (above & border[:-1]).nonzero()[0], (above & border[1:]).nonzero()[0]
    owners = starts.searchsorted(begins, "right") - 1
    rises, falls = sums_of(excess, begins, ends)
    # Nothing goes on beyond the end of its text.
    falls[:-1][owners[1:] != owners[:-1]] = -np.inf
    falls[-1:] = -np.inf
    firsts, lasts = [], []
    rise, fall, run = rises.tolist(), falls.tolist(), 0
    while run < len(rise):
        firsts.append(run)
        last, total = run, rise[run]
        peak = total
        while (total := total + fall[run]) > peak / 2:
            run += 1
            total += rise[run]
            if total > peak:
                last, peak = run, total
        lasts.append(last)
        run = last + 1
    return owners[firsts], begins[firsts], ends[lasts]


def sums_of(
    values: NDArray[np.float64], first: Places, last: Places
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """float64[k] and float64[k]: sums of pieces, first to last place, left to right, and of what lies behind each."""
    bounds = np.empty((len(first), 2), np.int64)
    bounds[:, 0], bounds[:, 1] = first, last + 1
    both = np.add.reduceat(np.concatenate([values, [0.0]]), bounds.ravel()).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def word_bounds(folded: Folded) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int64[m] each: where the word of each folded code begins and ends; see Reading."""
    codes, starts = folded.codes, folded.starts
    places = np.arange(len(codes))
    # Of letters folding leaves the small ones.
    latin = (codes - np.uint32(ord("a")) < 26) | is_digit(codes)
    begins = np.ones(len(codes) + 1, bool)
    begins[1:-1] = ~(latin[1:] & latin[:-1])
    begins[starts] = True
    first = np.maximum.accumulate(np.where(begins[:-1], places, 0))
    last = np.minimum.accumulate(np.where(begins[1:], places, len(codes))[::-1])[::-1]
    # Folding leaves a space between two words of a text only.
    spaces = (codes == SPACE).nonzero()[0]
    first[spaces] += 1
    last[spaces] -= 1
    return first, last


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
