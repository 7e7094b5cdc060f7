"""What a scene needs to take its place in a block: free positions, texts, accounts, chance."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np
from msgspec import UNSET, Raw, UnsetType
from numpy.typing import NDArray

from models.grammar import phrasebook
from workers.simulator.record import media_fragments
from workers.simulator.society import Account, Society


class Draft(NamedTuple):
    """A planted post. `position` counts from the start of the block."""

    position: int
    account: Account
    text: str
    truth: str
    detail: str | None = None
    kind: str = "post"
    reply_to: str | None = None
    media: Raw | UnsetType = UNSET


class Stage:
    """One block of `len(times)` posts while it is being cast."""

    def __init__(
        self,
        society: Society,
        times: NDArray[np.int64],
        first: int,
        id_prefix: str,
        scale: float,
        rng: np.random.Generator,
    ) -> None:
        self.society, self.times, self.rng = society, times, rng
        self.free = np.ones(len(times), bool)
        self._left: defaultdict[str, list[str]] = defaultdict(list)
        self._first, self._prefix, self._scale = first, id_prefix, scale

    def volume(self, usual: int, least: int) -> int:
        """How many posts of a kind a block of this size has, when one of 20,000 has `usual`."""
        return max(least, round(usual * self._scale))

    def take(self, count: int, within_ms: int | None = None) -> list[int]:
        """Free positions, ascending, chosen at random in the whole block or in a stretch of so much event
        time. Fewer when the block has no more."""
        among = np.flatnonzero(self.free)
        if within_ms is not None and len(among):
            latest = max(int(self.times[0]), int(self.times[-1]) - within_ms)
            begin = int(self.rng.integers(int(self.times[0]), latest + 1))
            end = begin + within_ms
            stretch = among[(self.times[among] >= begin) & (self.times[among] < end)]
            if len(stretch) < count:  # a quiet hour: the scene takes the time it needs
                stretch = among[np.searchsorted(self.times[among], begin) :][:count]
            among = stretch if len(stretch) >= count else among[-count:]
        chosen = np.sort(self.rng.choice(among, min(count, len(among)), replace=False))
        self.free[chosen] = False
        return [int(i) for i in chosen]

    def texts(self, symbol: str, count: int) -> list[str]:
        column = phrasebook().expand({symbol: count}, self.rng)[symbol]
        return [str(text) for text in column]

    def text(self, symbol: str) -> str:
        """One text, out of a batch: the grammar makes forty almost as fast as one."""
        left = self._left[symbol]
        if not left:
            left.extend(self.texts(symbol, 40))
        return left.pop()

    def lang(self, english: float = 0.3) -> str:
        return "en" if self.rng.random() < english else "zh"

    def earlier(self, position: int) -> str:
        """The id of some post before that position, or of the block's first."""
        return f"{self._prefix}{self._first + int(self.rng.integers(0, max(1, position)))}"

    def answering(self, position: int, share: float) -> tuple[str, str | None]:
        """A post's kind and what it answers: in that share of cases it is a comment on some earlier post."""
        return ("comment", self.earlier(position)) if self.rng.random() < share else ("post", None)

    def pictures(self, count: int, share: float, *, sexual: bool = False) -> list[Raw | UnsetType]:
        """A picture for that share of so many posts."""
        has = self.rng.random(count) < share
        fragments = media_fragments(count, self.rng, sexual=sexual)
        return [fragment if shown else UNSET for fragment, shown in zip(fragments, has, strict=True)]
