"""Campaigns in this process: what the script in find.lua does, said once more, for `sluicegate score` and for tests."""

from __future__ import annotations

import math
import struct
import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from workers.campaigns.finding import (
    CANDIDATES,
    FOUND,
    HEAD,
    KEYS,
    LEAST_EVIDENCE,
    LEAST_SAME,
    LEAST_VOTES,
    LINKS,
    MEMBERS_COMPARED,
    NO_KEY,
    POST,
    RECORD_BYTES,
    SAMPLES,
    FindRequest,
)

_MANY = b"+"
"""Behind an id under a key: the campaign has more than one post."""


@dataclass
class _Block:
    """What is known of one block of time."""

    ids: list[dict[int, bytes]] = field(default_factory=lambda: [{} for _ in range(KEYS)])
    """Id by key, for each of the KEYS."""
    expires: float = math.inf


class _Campaign:
    """A campaign, of one post at first."""

    def __init__(self, seed: np.void) -> None:
        self.head = seed.copy()
        self.sketches = [seed["slots"].copy()]
        self.samples: list[bytes] = []
        self.links: list[bytes] = []
        self.accounts = {int(seed["account"])}
        self.agencies = {int(seed["agency"])} - {0}
        self.expires = math.inf

    def join(self, seed: np.void, sample: bytes, link: bytes) -> None:
        self.accounts.add(int(seed["account"]))
        self.agencies |= {int(seed["agency"])} - {0}
        self.head["posts"] += 1
        self.head["evident"] += seed["evident"]
        self.head["first_seen"] = min(self.head["first_seen"], seed["first_seen"])
        self.head["accounts"], self.head["agencies"] = len(self.accounts), len(self.agencies)
        if len(self.sketches) < MEMBERS_COMPARED:
            self.sketches.append(seed["slots"].copy())
        for kept, most, text in ((self.samples, SAMPLES, sample), (self.links, LINKS, link)):
            if text and len(kept) < most and text not in kept:
                kept.append(text)

    def is_like(self, sketch: np.ndarray, percent: int) -> bool:
        """Whether a sketch is like that of a member, or has enough of what all of them have together."""
        members = np.stack(self.sketches)
        shared, filled = (members == sketch) & (sketch > 0), (members > 0) | (sketch > 0)
        same = np.append(shared.sum(axis=1), shared.any(axis=0).sum())
        of = np.append(filled.sum(axis=1), filled.any(axis=0).sum())
        return bool(((same >= LEAST_SAME) & (100 * same >= percent * of)).any())

    def grown(self) -> bool:
        told = self.head["accounts"] >= 2 * self.head["told_accounts"]
        return bool(told or self.head["posts"] >= 2 * self.head["told_posts"])

    def tell(self) -> bytes:
        head = self.head
        head["told_accounts"], head["told_posts"] = head["accounts"], head["posts"]
        head["sketches"], head["samples"], head["links"] = len(self.sketches), len(self.samples), len(self.links)
        texts = b"".join(struct.pack("<H", len(text)) + text for text in (*self.samples, *self.links))
        return head.tobytes()[:RECORD_BYTES] + b"".join(sketch.tobytes() for sketch in self.sketches) + texts


class MemoryFinder:
    """Campaigns, and their ids by key and block of time; either is forgotten when Redis would forget it."""

    def __init__(self) -> None:
        self._blocks: dict[int, _Block] = {}
        self._campaigns: dict[bytes, _Campaign] = {}
        self._next_expiry = math.inf

    def find(self, request: FindRequest) -> bytes:
        """The answer to a batch that comes for the first time, as `Found` has it."""
        self._expire()
        heads, posts = np.frombuffer(request.heads, HEAD), np.frombuffer(request.posts, POST)
        found = np.zeros(len(posts), FOUND)
        found["offset"], found["id"] = np.frombuffer(request.offsets, "<i8"), posts["id"]
        ends = [0, *(int(end) for head in heads for end in (head["text_end"], head["link_end"]))]
        told, expires = [], time.monotonic() + request.ttl_seconds
        keys = np.append(np.uint32(NO_KEY), np.frombuffer(request.keys, "<u4"))
        keys_of = keys[np.frombuffer(request.numbers, "<u4").reshape(-1, KEYS)].tolist()
        # What lies in another block is seen as it was before the batch, as in the script.
        written: dict[tuple[int, int, int], bytes] = {}
        for row, (post, own_keys) in enumerate(zip(posts, keys_of, strict=True)):
            block = request.blocks[heads["block"][row]]
            cells = [(block, part, key) for part, key in enumerate(own_keys) if key != NO_KEY]
            votes: Counter[bytes] = Counter()
            for cell in cells:
                if name := written.get(cell) or self._id(*cell):
                    votes[name[:8]] += LEAST_VOTES if len(name) > 8 else 1
            alike = self._likest(votes, post["seed"]["slots"], int(heads["percent"][row]))
            if alike:
                own, campaign = alike
                text, text_end, link_end = ends[2 * row : 2 * row + 3]
                campaign.join(post["seed"], request.samples[text:text_end], request.samples[text_end:link_end])
                found["id"][row] = int.from_bytes(own, "little")
                counts = campaign.head
                if (
                    counts["accounts"] >= request.least_accounts
                    and counts["evident"] >= LEAST_EVIDENCE * counts["posts"]
                ):
                    found["shown"][row] = 1
                    if campaign.grown():
                        record = campaign.tell()
                        told.append(struct.pack("<qI", found["offset"][row], len(record)) + record)
            else:
                own, campaign = post["id"].tobytes(), _Campaign(post["seed"])
                cells = [cell for cell in cells if cell[1] % 2 == own[0] % 2]
            self._campaigns[own] = campaign
            campaign.expires = expires
            written |= dict.fromkeys(cells, own + _MANY if alike else own)
        for (number, part, key), own in written.items():
            block = self._blocks.setdefault(number, _Block())
            block.ids[part][key], block.expires = own, expires
        self._next_expiry = min(self._next_expiry, expires)
        return struct.pack("<I", len(posts)) + found.tobytes() + b"".join(told)

    def _expire(self) -> None:
        now = time.monotonic()
        if now >= self._next_expiry:
            self._blocks = {number: block for number, block in self._blocks.items() if block.expires > now}
            self._campaigns = {name: kept for name, kept in self._campaigns.items() if kept.expires > now}
            self._next_expiry = min((block.expires for block in self._blocks.values()), default=math.inf)

    def _id(self, block: int, part: int, key: int) -> bytes | None:
        for number in (block, block - 1):
            if number in self._blocks and key in self._blocks[number].ids[part]:
                return self._blocks[number].ids[part][key]
        return None

    def _likest(self, votes: Counter[bytes], sketch: np.ndarray, percent: int) -> tuple[bytes, _Campaign] | None:
        """The campaign under most of the post's keys that it is like."""
        for name in (name for name, number in votes.most_common(CANDIDATES) if number >= LEAST_VOTES):
            campaign = self._campaigns.get(name)
            if campaign and campaign.is_like(sketch, percent):
                return name, campaign
        return None
