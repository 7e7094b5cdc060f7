"""What is kept of a text so that others most like it can be found: a few keys, and a sketch to compare.

Both are minima of hashed grams (Broder, On the resemblance and containment of documents, 1997), one permutation for
all, its range cut into parts with a minimum each (Li, Owen and Zhang, One Permutation Hashing, 2012): the minima of two
texts agree in as many parts as their sets of grams have in common. Sets know no order, so sentences may be moved about.

The *keys* are minima of long grams (3 Chinese characters, or 6 letters): rare enough that who shares one may be alike.
The *sketch* is of short grams (2 characters, or 4 letters), which survive where one character in five was changed.

Links, mentions, hashtags and numbers are left out, for they change from copy to copy, and so is what a post quotes in
an alphabet. Other quotes are not: else `//@name` would hide the advertisement behind it.
Where hardly anything is left of a long text that has a number to call, its numbers are kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.grams import NO_GRAM, gram_hashes
from models.words import is_digit
from topics.post import Post
from workers.batch import Batch
from workers.campaigns.finding import KEYS, LEAST_PERCENT, LEAST_PERCENT_LETTERS, SLOTS

LEAST_WEIGHT = 20
"""What a text must carry: slots of its sketch that are filled, which count half as much again where they are of Chinese
characters. Fifteen of these are enough, or thirty letters; below are slogans, cries, single lines of songs."""
LONG, LEAST_WEIGHT_LONG = 26, 10
"""So many characters that carry less, and tell how to reach someone, say one short thing and a number or a name again
and again, or little but those: then this is enough. Where PHONE_DIGITS of them are digits, these are looked at, too."""
ALPHABETS_END = 0x0590  # codes below are letters and digits of scripts that need more of them to say something
PHONE_DIGITS = 7

# A quote in an alphabet, as Twitter has them: tweets about one event have its names in common, and would be a campaign.
# Each way begins with a letter of its own, which the engine then looks for alone.
_QUOTED = r"R(?<=\bR)T @[^\n\u3040-\u9fff\uac00-\ud7a3]*"
_ADDED = r"https?://[!-~]*|@[A-Za-z0-9_.-]+|@[^\s@:：,，]{1,30}(?=[\s:：,，]|$)|#[^#\n]{1,40}#|#\w+"
CHANGING, CHANGING_IN_OWN_WORDS = (re.compile(ways, re.MULTILINE) for ways in (f"{_QUOTED}|{_ADDED}", _ADDED))

# What may be folded to two letters and three digits.
NAME = re.compile(r"[A-Za-zＡ-Ｚａ-ｚ]{2}[\W_]*\d[\W_]*\d[\W_]*\d")

EMPTY = np.uint32(0xFFFFFFFF)

Hashes = NDArray[np.uint32]
Flags = NDArray[np.bool_]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sketches:
    """The texts of a batch that carry enough to be compared."""

    rows: NDArray[np.intp]
    """(m,): their rows in the batch, ascending."""
    keys: Hashes
    """(m, KEYS): the keys; EMPTY where a text has no gram in a key's part."""
    slots: NDArray[np.uint8]
    """(m, SLOTS): the sketch; 0 where a text has no gram in a slot."""
    percent: NDArray[np.uint32]
    """(m,): how many of a hundred slots it must have in common with what it is compared with."""


def sketches(batch: Batch, worth: Flags | None = None, reachable: Flags | None = None) -> Sketches:
    """Keys and sketch of each text that is worth it and carries enough. A text has the same ones in every batch.

    worth: (n,): which texts to look at; all without it. reachable: (n,): which tell how to reach someone, other than by
    a number.
    """
    folded = batch.folded_text
    lengths = folded.lengths
    enough = 1.5 * lengths >= LEAST_WEIGHT
    rows = (enough if worth is None else enough & worth).nonzero()[0]
    if len(rows) == 0:
        nothing = np.zeros(0, np.uint32)
        return Sketches(rows, nothing.reshape(0, KEYS), np.zeros((0, SLOTS), np.uint8), nothing)
    sizes = lengths[rows]
    starts = np.concatenate([[0], sizes.cumsum()])
    owner = np.arange(len(rows)).repeat(sizes)
    codes = folded.codes[np.arange(starts[-1]) + (folded.starts[rows] - starts[:-1])[owner]]
    changes, digits = changing(batch, rows, starts), is_digit(codes)
    letters = np.add.reduceat(codes < ALPHABETS_END, starts[:-1], dtype=np.int64) / sizes
    weights, percent = 1.5 - 0.5 * letters, LEAST_PERCENT - (LEAST_PERCENT - LEAST_PERCENT_LETTERS) * letters
    keys, slots = _minima_of(codes, starts, changes | digits)
    carried = weights * np.count_nonzero(slots, axis=1)
    light = (carried < LEAST_WEIGHT) & (sizes >= LONG)
    numbers = light & (np.add.reduceat(digits, starts[:-1], dtype=np.int64) >= PHONE_DIGITS)
    if numbers.any():
        at = numbers[owner]
        ends = np.concatenate([[0], sizes[numbers].cumsum()])
        keys[numbers], slots[numbers] = _minima_of(codes[at], ends, changes[at])
        carried[numbers] = weights[numbers] * np.count_nonzero(slots[numbers], axis=1)
    reached = numbers if reachable is None else numbers | light & reachable[rows]
    enough = carried >= np.where(reached, LEAST_WEIGHT_LONG, LEAST_WEIGHT)
    percent = percent.round().astype(np.uint32)
    return Sketches(rows[enough], keys[enough], slots[enough], percent[enough])


def _minima_of(codes: Hashes, starts: Places, left_out: Flags) -> tuple[Hashes, NDArray[np.uint8]]:
    """Keys and slots, as `Sketches` has them, of texts that lie end to end.

    starts: where each begins, and the last ends. left_out: codes of which nothing is kept.
    """
    texts = len(starts) - 1
    owner = np.arange(texts).repeat(np.diff(starts))
    alphabetic = codes < ALPHABETS_END
    # Not the batch's own grams: those are salted by script, and one character more would change them all.
    _, twos, threes = gram_hashes(codes, starts)
    shorts = np.where(alphabetic, chained(twos, 2), twos)
    longs = np.where(alphabetic, chained(threes, 3), threes)
    reach = [left_out]
    for step in range(1, 6):
        reach.append(reach[-1].copy())
        reach[-1][:-step] |= left_out[step:]
    shorts[np.where(alphabetic, reach[3], reach[1])] = NO_GRAM
    longs[np.where(alphabetic, reach[5], reach[2])] = NO_GRAM
    sketched = minima(shorts, owner, texts, SLOTS)
    slots = np.maximum(sketched & np.uint32(0xFF), 1).astype(np.uint8)
    slots[sketched == EMPTY] = 0
    return minima(longs, owner, texts, KEYS), slots


def numbered(batch: Batch) -> Flags:
    """(n,): the text has a number as long as one to call or write to, in one or in groups of three digits and more."""
    folded = batch.folded_text
    digits = is_digit(folded.codes)
    result = np.zeros(len(batch), np.bool_)
    threes = ends_of_runs(digits, 3)
    between = (threes[2:-4] & threes[6:]).nonzero()[0] + 3
    # Whatever sign is between digits, folding leaves a space there.
    between = between[folded.codes[between] == ord(" ")]
    rows = folded.starts.searchsorted(between, side="right") - 1
    inside = (between - folded.starts[rows] >= 3) & (folded.starts[rows] + folded.lengths[rows] - between > 3)
    grouped = digits.copy()
    grouped[between[inside]] = True
    for places, length in ((digits, PHONE_DIGITS), (grouped, PHONE_DIGITS + 1)):
        ends = ends_of_runs(places, length).nonzero()[0]
        rows = folded.starts.searchsorted(ends, side="right") - 1
        result[rows[ends - folded.starts[rows] >= length - 1]] = True
    return result


def named(batch: Batch) -> Flags:
    """(n,): the text has, outside of links, mentions and hashtags, two letters with three digits behind them.

    Accounts to write to have such names, and of what people write otherwise hardly anything has.
    """
    folded = batch.folded_text
    ends = ends_of_runs(is_digit(folded.codes), 3)[4:].nonzero()[0] + 4
    before = folded.codes[ends[:, None] - (3, 4)]
    ends = ends[((before >= ord("a")) & (before <= ord("z"))).all(axis=1)]
    rows = folded.starts.searchsorted(ends, side="right") - 1
    result = np.zeros(len(batch), np.bool_)
    for row in set(rows[ends - folded.starts[rows] >= 4].tolist()):
        result[row] = NAME.search(CHANGING.sub(" ", batch.texts[row])) is not None
    return result


def chained(grams: Hashes, size: int) -> Hashes:
    """Hashes of two grams of `size` codes, one behind the other; NO_GRAM past a text's end."""
    result = np.zeros_like(grams)
    if len(grams) > size:
        first, second = grams[:-size], grams[size:]
        mixed = first * np.uint32(0x9E3779B1)
        mixed ^= second
        mixed *= np.uint32(0x85EBCA6B)
        mixed ^= mixed >> np.uint32(15)
        mixed *= np.uint32(0xC2B2AE35)
        mixed ^= mixed >> np.uint32(16)
        # Where one that begins in between is none, the text has ended before.
        inside = (first != NO_GRAM) & (second != NO_GRAM)
        for step in range(1, size):
            inside &= grams[step : step - size] != NO_GRAM
        np.multiply(np.maximum(mixed, 1), inside, out=result[:-size])
    return result


def may_quote(post: Post) -> bool:
    """Whether quoted words in a post may be another's. Who comments or writes to someone, and puts `//@name:` before an
    advertisement, has written it."""
    return post.kind in ("post", "repost")


def changing(batch: Batch, rows: NDArray[np.intp], starts: Places) -> Flags:
    """Which of the codes of `rows` are of links, mentions, hashtags and quotes in an alphabet.

    starts: where the codes of each row begin, and the last end.
    """
    spans = [
        (place, *match.span())
        for place, row in enumerate(rows.tolist())
        if "@" in (text := batch.texts[row]) or "#" in text or "://" in text
        for match in (CHANGING if may_quote(batch.posts[row]) else CHANGING_IN_OWN_WORDS).finditer(text)
    ]
    size = int(starts[-1])
    if not spans:
        return np.zeros(size, np.bool_)
    place, begin, end = np.array(spans, np.intp).T
    row, folded = rows[place], batch.folded_text
    shift = starts[place] - folded.starts[row]
    begins, ends = (folded.places(row, offset) + shift for offset in (begin, end))
    inside = (np.bincount(begins, minlength=size + 1) - np.bincount(ends, minlength=size + 1)).cumsum()
    return inside[:size] > 0


def minima(grams: Hashes, owner: Places, texts: int, parts: int) -> Hashes:
    """uint32[texts, parts]: the least of each text's grams in each part of their range, EMPTY where it has none."""
    images = grams - np.uint32(1)  # NO_GRAM becomes EMPTY, which is never less
    part = (images >> np.uint32(16)) * np.uint32(parts) >> np.uint32(16)
    result = np.full(texts * parts, EMPTY)
    np.minimum.at(result, owner * parts + part, images)
    return result.reshape(texts, parts)


def ends_of_runs(places: Flags, length: int) -> Flags:
    """Where so many of these places or more in a row end; the texts lie end to end."""
    runs = places.copy()
    for step in range(1, length):
        runs[step:] &= places[:-step]
    return runs
