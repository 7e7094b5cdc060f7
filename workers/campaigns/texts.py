"""From a batch's texts to what the store is asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.batch import Batch
from workers.campaigns.finding import HEAD, NO_KEY, POST, SAMPLE_CHARACTERS, SLOTS, WORTH_COMPARING
from workers.campaigns.sketch import may_quote, sketches
from workers.keys import hash_strings

QUOTE = re.compile(r"(?://|\bRT )@[^\s:：]{1,64}[:：]?")
QUOTE_BEGINNING = 24
"""So many characters tell a quoted passage from others: platforms cut long ones at different places."""
OWN_WORDS = 2
"""Who writes more than so many times what is quoted has little in common with others that quote the same."""


class NumberedKeys(NamedTuple):
    """The different keys of posts, as `FindRequest` has them."""

    counts: Sequence[int]
    keys: bytes
    numbers: bytes


@dataclass(frozen=True, slots=True)
class Texts:
    """The comparable posts of a batch, a row each."""

    rows: NDArray[np.intp]
    """(m,): their rows in the batch, ascending."""
    keys: NDArray[np.uint32]
    """(m, KEYS)."""
    posts: np.ndarray
    """(m,) of POST: the id that a campaign gets which begins with the post, and the campaign of this post alone."""
    samples: Sequence[bytes]
    """(m,): the beginning of each text."""
    links: Sequence[bytes]
    """(m,): the site that each links to first, or nothing."""
    percent: NDArray[np.uint32]
    """(m,): as `Sketches` has it."""

    def __len__(self) -> int:
        return len(self.rows)

    def of_rows(self, rows: NDArray[np.intp]) -> Texts:
        """The same for those posts that are among these rows of the batch."""
        at = np.isin(self.rows, rows).nonzero()[0]
        return Texts(
            self.rows[at],
            self.keys[at],
            self.posts[at],
            [self.samples[row] for row in at.tolist()],
            [self.links[row] for row in at.tolist()],
            self.percent[at],
        )

    def part(self, start: int, stop: int) -> Texts:
        """Those of the batch's rows from `start` to `stop`, which become rows from 0 on."""
        first, last = self.rows.searchsorted((start, stop)).tolist()
        at = slice(first, last)
        return Texts(
            self.rows[at] - start, self.keys[at], self.posts[at], self.samples[at], self.links[at], self.percent[at]
        )

    def blocks(self, window_ms: int) -> tuple[list[int], NDArray[np.intp]]:
        """The blocks of time that the posts are in, each as long as the window; and each post's place among them."""
        block = self.posts["seed"]["first_seen"] // window_ms
        if (block == block[0]).all():
            return [int(block[0])], np.zeros(len(self), np.intp)
        numbers, places = np.unique(block, return_inverse=True)
        return numbers.tolist(), places

    def filled(self) -> tuple[bytes, bytes, NDArray[np.int64]]:
        """The filled slots of the posts' sketches, counted from 1, and what is in them; and where those of each end."""
        sketches = self.posts["seed"]["slots"].ravel()
        at = (sketches != 0).nonzero()[0]
        slots = np.broadcast_to(np.arange(1, SLOTS + 1, dtype=np.uint8), (len(self), SLOTS)).ravel()
        ends = at.searchsorted(np.arange(SLOTS, len(slots) + 1, SLOTS))
        return slots.take(at).tobytes(), sketches.take(at).tobytes(), ends

    def passages(self) -> list[bytes]:
        """Each post's text, cut, and behind it its link."""
        return list(chain.from_iterable(zip(self.samples, self.links, strict=True)))

    def heads(self, blocks: NDArray[np.intp], filled_ends: NDArray[np.int64]) -> bytes:
        """HEAD a post."""
        heads = np.empty(len(self), HEAD)
        heads["block"], heads["percent"], heads["filled_end"] = blocks, self.percent, filled_ends
        ends = np.fromiter(accumulate(map(len, self.passages())), np.int64, 2 * len(self))
        heads["text_end"], heads["link_end"] = ends[::2], ends[1::2]
        return heads.tobytes()

    def numbered_keys(self, blocks: NDArray[np.intp], count: int) -> NumberedKeys:
        """The posts' keys by number. blocks: that of each post, below `count`."""
        # A key and its place are sorted as one number, which takes a tenth of what sorting places by keys does.
        packed = self.keys.astype("<u8") << np.uint64(32)
        packed |= np.arange(packed.size, dtype="<u8").reshape(packed.shape)
        numbers = np.zeros(packed.size, "<u4")
        counts: list[int] = []
        different: list[bytes] = []
        for block in range(count):
            own = packed[blocks == block].ravel()
            own.sort()
            own = own[: own.searchsorted(np.uint64(NO_KEY << 32))]
            place, key = own.view("<u4").reshape(-1, 2).T
            new = np.ones(len(key), np.bool_)
            np.not_equal(key[1:], key[:-1], out=new[1:])
            numbers[place] = new.cumsum() + sum(counts)
            counts.append(int(np.count_nonzero(new)))
            different.append(key[new].tobytes())
        return NumberedKeys(counts, b"".join(different), numbers.tobytes())


def comparable(
    batch: Batch,
    evidence: NDArray[np.uint32],
    sites: Sequence[str | None],
    authors: NDArray[np.uint64] | None = None,
    reachable: NDArray[np.bool_] | None = None,
) -> Texts:
    """The posts of a batch that may be one of a campaign: that sell at all, and whose texts carry enough.

    evidence: (n,): how far the post sells, 0 to FULL_EVIDENCE. sites: (n,): the registered domain that a
    post links to first. authors: (n,): hashes of the authors' ids, if they are known already. reachable: (n,): as
    `sketches` has it.
    """
    made = sketches(batch, evidence * batch.folded_text.lengths >= WORTH_COMPARING, reachable)
    rows = made.rows.tolist()
    texts = [batch.texts[row] for row in rows]
    posts = np.zeros(len(rows), POST)
    posts["id"] = _names(batch, made.rows)
    seed = posts["seed"]
    seed["posts"] = seed["accounts"] = seed["sketches"] = 1
    seed["evident"] = evidence[made.rows]
    seed["first_seen"] = batch.times[made.rows]
    account = hash_strings([batch.authors[row] for row in rows]) if authors is None else authors[made.rows]
    seed["account"] = np.where(account == 0, posts["id"], account)
    for place, original in _repeated(batch, rows, texts):
        seed["account"][place] = hash_strings([original])[0]
    run_by = [batch.posts[row].author.agency for row in rows]
    if any(run_by):
        seed["agency"] = hash_strings(run_by)
        seed["agencies"] = seed["agency"] != 0
    seed["slots"] = made.slots
    links = [b""] * len(rows)
    for place, row in enumerate(rows):
        if site := sites[row]:
            links[place] = site[:SAMPLE_CHARACTERS].encode("utf-8", "replace")
    samples = [text[:SAMPLE_CHARACTERS].encode("utf-8", "replace") for text in texts]
    return Texts(made.rows, made.keys, posts, samples, links, made.percent)


def _names(batch: Batch, rows: NDArray[np.intp]) -> NDArray[np.uint64]:
    """An id for the campaign that a post may begin: made from its place, so that no two posts have the same."""
    mixed = batch.offsets.astype(np.uint64)
    for part in batch.parts:
        mixed[part.rows] |= np.uint64((part.partition + 1) << 44)
    mixed = mixed[rows]
    for factor in (0xBF58476D1CE4E5B9, 0x94D049BB133111EB):
        mixed ^= mixed >> np.uint64(31)
        mixed *= np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))


def _repeated(batch: Batch, rows: list[int], texts: list[str]) -> list[tuple[int, str]]:
    """Places of the reposts and quotes, and the original or the passage that each repeats.

    They are counted for what they repeat: those of one original are one account together, however many they are. Not so
    what stands behind one name: a mark before an advertisement would hide it, however its copies are changed.
    """
    repeated = [
        (place, f"repost {post.reply_to}")
        for place, row in enumerate(rows)
        if (post := batch.posts[row]).kind == "repost" and post.reply_to
    ]
    for place, (row, text) in enumerate(zip(rows, texts, strict=True)):
        if ("//@" in text or "RT @" in text) and may_quote(batch.posts[row]):
            own, *quoted = map(str.strip, QUOTE.split(text))
            if quoted and len(longest := max(quoted, key=len)) * OWN_WORDS >= len(own):
                repeated.append((place, f"quote {longest[:QUOTE_BEGINNING]}"))
    return repeated
