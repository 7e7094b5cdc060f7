"""A batch: posts that are decided together, as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.folding import Folded, fold
from models.grams import Grams, grams
from topics.post import Post

Context = list[tuple[str, bytes]]


class Part(NamedTuple):
    """Where the posts of one input partition stand in a batch: rows start to stop (exclusive).

    Offsets of the partition below `committed` are committed.
    """

    partition: int
    committed: int
    start: int
    stop: int

    @property
    def rows(self) -> slice:
        return slice(self.start, self.stop)


@dataclass
class Batch:
    """Posts that were read together, partition after partition, each in the order of its offsets.

    Columns are made when first asked for, once: several families of signals share folding and grams.

    Attributes:
        posts: n posts.
        offsets: int64[n], offsets in the input partitions, ascending in each.
        arrived_at: int64[n], the records' timestamps, milliseconds since the epoch.
        parts: which rows are of which input partition; end to end, none empty.
        contexts: by partition and offset, headers that go on with the decision; of posts that have some.
    """

    posts: Sequence[Post]
    offsets: NDArray[np.int64]
    arrived_at: NDArray[np.int64]
    parts: tuple[Part, ...]
    contexts: Mapping[tuple[int, int], Context] = field(default_factory=dict)

    @classmethod
    def offline(cls, posts: Sequence[Post], first_offset: int = 0) -> Batch:
        """A batch of posts that come from no topic: each arrived when it was made, offsets count on."""
        made = np.array([post.created_at for post in posts], np.int64)
        offsets = np.arange(first_offset, first_offset + len(posts), dtype=np.int64)
        return cls(posts, offsets, made, (Part(0, first_offset, 0, len(posts)),) if posts else ())

    def __len__(self) -> int:
        return len(self.posts)

    def __getitem__(self, rows: slice) -> Batch:
        start, stop, _ = rows.indices(len(self))
        parts = tuple(
            part._replace(start=max(part.start, start) - start, stop=min(part.stop, stop) - start)
            for part in self.parts
            if part.start < stop and part.stop > start
        )
        return Batch(self.posts[rows], self.offsets[rows], self.arrived_at[rows], parts, self.contexts)

    def partition(self, row: int) -> int:
        """The input partition that a row is of."""
        return next(part.partition for part in self.parts if row < part.stop)

    @cached_property
    def ids(self) -> list[str]:
        return [post.id for post in self.posts]

    @cached_property
    def authors(self) -> list[str]:
        return [post.author.id for post in self.posts]

    @cached_property
    def texts(self) -> list[str]:
        return [post.text for post in self.posts]

    @cached_property
    def names(self) -> list[str]:
        return [post.author.name for post in self.posts]

    @cached_property
    def created_at(self) -> NDArray[np.int64]:
        return np.array([post.created_at for post in self.posts], np.int64)

    @cached_property
    def times(self) -> NDArray[np.int64]:
        """Event times, int64[n] milliseconds: a date after the arrival is a wrong one and counts as the arrival."""
        return np.minimum(self.created_at, self.arrived_at)

    @cached_property
    def folded(self) -> Folded:
        """The texts, and behind them the names: a step over both costs little more than one over either."""
        return fold([*self.texts, *self.names])

    @cached_property
    def folded_text(self) -> Folded:
        return self.folded.split(len(self))[0]

    @property
    def text_grams(self) -> Grams:
        return self._grams[0]

    @property
    def name_grams(self) -> Grams:
        return self._grams[1]

    @cached_property
    def _grams(self) -> tuple[Grams, Grams]:
        return grams(self.folded).split(len(self))
