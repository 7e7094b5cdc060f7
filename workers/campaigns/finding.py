"""What is asked of a store to find campaigns, and what it answers, in packed form for memory and Redis alike.

For each post the store looks up the ids under the post's keys. Of the campaigns that it finds there most often it gives
the post the id of the first whose members' sketches are like its own, or else an id of its own. A post writes the id
under its keys, so that a campaign is known by the words of all its members, however each was changed.

All numbers are little-endian. What is kept lies in blocks of the posts' time, each a window long: a hash of its ids by
key, and one of its campaigns of one post.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
import numpy as np

KEYS = 12
"""Keys of a text, each from a range of its own: the third of one is never the fourth of another."""
NO_KEY = 0xFFFFFFFF
SLOTS = 64
"""Bytes of a sketch."""
LEAST_VOTES = 2
"""Keys under which a campaign must be found to be compared, for one of a single post; one key for others. Most keys
that two posts share by chance are those of a post that never will be one of many."""
CANDIDATES = 3
"""Campaigns that a post is compared with, those found under most of its keys."""
MEMBERS_COMPARED = 4
"""A post is compared with so many members, the first ones, each alone and all together: what one has lost by a change,
another has."""
LEAST_SAME = 7
"""Slots in which a sketch must agree with one of theirs, and"""
LEAST_PERCENT, LEAST_PERCENT_LETTERS = 26, 21
"""how many of a hundred of the slots that are filled in it or in those it is compared with: of a Chinese text, and of
one in an alphabet, where a change costs four grams instead of two."""
LEAST_EVIDENCE = 8
"""Evidence that the posts of a campaign must have on average, of FULL_EVIDENCE: that they sell."""
WORTH_COMPARING = 100
"""Evidence, times characters, without which a post is not compared: two points of a text of fifty, for a longer one has
more to sell with. Nine in ten ordinary posts have less, and few advertisements."""
FULL_EVIDENCE = 100
SAMPLES, LINKS = 3, 5
"""Texts and links that a campaign keeps for people to look at."""
SAMPLE_CHARACTERS = 200

SEED = np.dtype([
    ("posts", "<u4"), ("evident", "<u4"), ("accounts", "<u4"), ("agencies", "<u4"), ("told_posts", "<u4"),
    ("told_accounts", "<u4"), ("first_seen", "<i8"), ("account", "<u8"), ("agency", "<u8"),
    ("sketches", "u1"), ("samples", "u1"), ("links", "u1"), ("slots", "u1", (SLOTS,)),
])  # fmt: skip
"""A campaign of one post, as it is stored; `evident` is the sum of its posts' evidence, `told_*` how large it was when
it was last told, 0 if never."""
RECORD_BYTES = SEED.itemsize - SLOTS
"""What stands before the sketches of the members in a campaign as it is stored."""
POST = np.dtype([("id", "<u8"), ("seed", SEED)])
HEAD = np.dtype([
    ("block", "<u4"), ("percent", "<u4"), ("text_end", "<u4"), ("link_end", "<u4"), ("filled_end", "<u4"),
])  # fmt: skip
"""A post's block (its place in `blocks`), how many of a hundred slots it must have in common with a campaign, and where
its text ends in `samples`, its link behind it, and its part of `slots` and `values`."""
FOUND = np.dtype([("offset", "<i8"), ("id", "<u8"), ("shown", "u1")])


@dataclass(frozen=True, slots=True)
class Guarded:
    """A batch of one partition, by the offsets of its first and last post, under the claim (epoch) of an owner."""

    guard: str
    """Name of the replay guard: one for each source and partition."""
    guard_ttl_seconds: int
    epoch: int
    committed: int
    """Offsets below this never come again."""
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class FindRequest(Guarded):
    """The comparable posts of one batch of one partition."""

    space: str
    """What the names of all that is kept begin with."""
    ttl_seconds: int
    """How long blocks live after they were last written to."""
    least_accounts: int
    """From how many accounts on a campaign is one."""
    blocks: Sequence[int]
    """Numbers of the blocks of time that the posts are in."""
    key_counts: Sequence[int]
    """For each block how many different keys its posts have."""
    keys: bytes
    """uint32 each: the different keys of the first block, then those of the second, and so on."""
    numbers: bytes
    """KEYS uint32 a post: which of `keys` they are, counted from 1; 0 is none."""
    offsets: bytes
    """int64 a post."""
    heads: bytes
    """HEAD a post."""
    posts: bytes
    """POST a post."""
    slots: bytes
    """uint8 each: the slots of the posts' sketches that are filled, counted from 1, post by post."""
    values: bytes
    """What is in each of these slots."""
    samples: bytes
    """UTF-8 of each post's text, cut, and link."""


@dataclass(frozen=True, slots=True)
class Found:
    """Answer to a batch that had not been asked for before.

    `answer`: a FOUND for each post, after their number (uint32); then for each post with which its campaign grew past
    what was told, its offset (int64), the length of the record (uint32), the record.
    """

    answer: bytes


@dataclass(frozen=True, slots=True)
class FoundBefore:
    """The batch begins at or below what was asked for before; nothing was changed."""

    upto: int
    """The last offset asked for."""
    answers: Sequence[bytes]
    """The answers kept of all batches that share offsets with this one."""


class Finder(Protocol):
    """Keeps campaigns."""

    async def find(self, request: FindRequest) -> Found | FoundBefore:
        """A campaign for each post of the batch, found once; or what was found before. Atomic.

        Raises:
            CountersUnavailable: the batch may or may not have been looked up; asking again is safe.
            StaleEpoch: the partition has a newer owner.
        """


class Campaign(msgspec.Struct, frozen=True):
    """A campaign as it stood when it was told; times in milliseconds since the epoch, UTC."""

    id: int
    first_seen: int
    posts: int
    accounts: int
    agencies: int
    samples: list[str]
    links: list[str]


def read_answer(answer: bytes) -> tuple[np.ndarray, dict[int, bytes]]:
    """The FOUND rows of an answer, and the records by offset."""
    size = int.from_bytes(answer[:4], "little")
    at = 4 + size * FOUND.itemsize
    records = {}
    found = np.frombuffer(answer, FOUND, size, 4)
    while at < len(answer):
        offset = int.from_bytes(answer[at : at + 8], "little", signed=True)
        length = int.from_bytes(answer[at + 8 : at + 12], "little")
        records[offset] = answer[at + 12 : at + 12 + length]
        at += 12 + length
    return found, records


def read_record(name: int, record: bytes) -> Campaign:
    """The campaign that a stored record tells of."""
    head = np.frombuffer(record[:RECORD_BYTES] + bytes(SLOTS), SEED)[0]
    at = RECORD_BYTES + int(head["sketches"]) * SLOTS
    texts = []
    for _ in range(int(head["samples"]) + int(head["links"])):
        length = int.from_bytes(record[at : at + 2], "little")
        texts.append(record[at + 2 : at + 2 + length].decode())
        at += 2 + length
    samples = int(head["samples"])
    first_seen, posts, accounts, agencies = (
        int(head[column]) for column in ("first_seen", "posts", "accounts", "agencies")
    )
    return Campaign(name, first_seen, posts, accounts, agencies, texts[:samples], texts[samples:])
