"""The campaigns of a batch: asked of the store once for each post, whatever is delivered again."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.campaigns.finding import Campaign, Finder, FindRequest, Found, read_answer, read_record

if TYPE_CHECKING:
    from workers.campaigns.texts import Texts

WINDOW_MS = 6 * 3_600_000
LEAST_ACCOUNTS = 5


def campaign_name(number: np.uint64 | int) -> str:
    """An id as decisions and records say it."""
    return f"{int(number):016x}"


class Scope(NamedTuple):
    """What a campaign is: how far in time its posts may lie apart, and from how many accounts on it is one."""

    window_ms: int = WINDOW_MS
    least_accounts: int = LEAST_ACCOUNTS


class Guard(NamedTuple):
    """The replay guard of a partition, and whose claim it is asked under."""

    name: str
    ttl_seconds: int
    epoch: int
    committed: int


DEFAULT_SCOPE = Scope()


@dataclass
class Campaigns:
    """The campaign of each post of a batch."""

    ids: NDArray[np.uint64]
    """(n,): what posts that are alike have in common; 0 where a text carries too little to tell."""
    shown: NDArray[np.bool_]
    """(n,): the id is one of a campaign: of enough accounts, most posts with something to sell."""
    grown: list[tuple[int, Campaign]] = field(default_factory=list)
    """Campaigns that are new or have doubled with a post of the batch: the post's row, and how they stood then; those
    of a partition in the order of their rows."""

    @classmethod
    def none(cls, posts: int) -> Campaigns:
        """Nothing is known of any post."""
        return cls(np.zeros(posts, np.uint64), np.zeros(posts, np.bool_))

    def name(self, row: int) -> str | None:
        """What the decision on a post says."""
        return campaign_name(self.ids[row]) if self.shown[row] else None

    def place(self, start: int, part: Campaigns) -> None:
        """Set the posts from row `start` on to those of a part of the batch."""
        rows = slice(start, start + len(part.ids))
        self.ids[rows], self.shown[rows] = part.ids, part.shown
        self.grown += [(start + row, told) for row, told in part.grown]

    def take(self, offsets: NDArray[np.int64], answer: bytes, rows: NDArray[np.intp] | None = None) -> None:
        """Set the posts that the answer tells of. rows: which of `offsets` these are, where that is known."""
        found, records = read_answer(answer)
        if rows is None:
            _, rows, there = np.intersect1d(offsets, found["offset"], assume_unique=True, return_indices=True)
            found = found[there]
        self.ids[rows], self.shown[rows] = found["id"], found["shown"]
        for row in rows.tolist() if records else []:
            if (record := records.get(int(offsets[row]))) is not None:
                self.grown.append((row, read_record(int(self.ids[row]), record)))


async def find(
    finder: Finder, scope: Scope, guard: Guard, offsets: NDArray[np.int64], texts: Texts, grace_seconds: int
) -> Campaigns:
    """The campaigns of the posts at `offsets` (int64 (n,), ascending), of which `texts` are comparable.

    A post whose answer is kept no more (offsets were set back) has none. Raises as the finder does.
    """
    campaigns = Campaigns.none(len(offsets))
    ttl_seconds = -(-2 * scope.window_ms // 1000) + grace_seconds
    rows = np.arange(len(offsets))
    while len(texts):
        blocks, places = texts.blocks(scope.window_ms)
        keys, (slots, values, filled_ends) = texts.numbered_keys(places, len(blocks)), texts.filled()
        answer = await finder.find(
            FindRequest(
                guard=guard.name,
                guard_ttl_seconds=guard.ttl_seconds,
                epoch=guard.epoch,
                committed=guard.committed,
                first=int(offsets[rows[0]]),
                last=int(offsets[rows[-1]]),
                space=f"alike:{scope.window_ms}:",
                ttl_seconds=ttl_seconds,
                least_accounts=scope.least_accounts,
                blocks=blocks,
                key_counts=keys.counts,
                keys=keys.keys,
                numbers=keys.numbers,
                offsets=offsets[texts.rows].astype("<i8").tobytes(),
                heads=texts.heads(places, filled_ends),
                posts=texts.posts.tobytes(),
                slots=slots,
                values=values,
                samples=b"".join(texts.passages()),
            )
        )
        if isinstance(answer, Found):
            campaigns.take(offsets, answer.answer, texts.rows)
            break
        for before in answer.answers:
            campaigns.take(offsets, before)
        # The store keeps answers in no order, and of what is told of a campaign the last counts.
        campaigns.grown.sort(key=itemgetter(0))
        rows = (offsets > answer.upto).nonzero()[0]
        texts = texts.of_rows(rows)
    return campaigns
