"""Which decisions of a partition a reader has had, so that it can drop those that come again.

At least once means that after a worker's death a whole batch of posts is decided and written again. Decisions go to the
partition number their post came from, in the posts' order, so what comes again is at or below the newest post seen.
The newest alone would not do: a write that failed may leave a hole below it, which the second attempt fills.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Final, Self

SPAN: Final = 24_000
"""How many posts back single ones are remembered, several batches' worth; its bits fit into a commit's metadata."""
_MASK: Final = (1 << SPAN) - 1


class Seen:
    """The posts of one partition that a reader had a decision about.

    newest: highest offset seen on `posts`, -1 for none. arrived: latest time at which any of them arrived there, in
    epoch milliseconds. bits: bit number i is set when the post at newest - i was seen.
    """

    def __init__(self, newest: int = -1, arrived: int = 0, bits: int = 0) -> None:
        self.newest, self.arrived, self.bits = newest, arrived, bits

    def has(self, offset: int, arrived: int) -> bool:
        """Whether the post at `offset` of `posts`, which arrived there at `arrived`, was seen.

        What lies further back than SPAN counts as seen. What arrived later than all that was seen does not, whatever
        its offset: then `posts` was created anew, and its offsets with it.
        """
        back = self.newest - offset
        return back >= 0 and arrived <= self.arrived and (back >= SPAN or bool(self.bits >> back & 1))

    def add(self, offset: int, arrived: int) -> None:
        """Note that the post was seen."""
        ahead = offset - self.newest
        if ahead >= SPAN or (ahead <= 0 and arrived > self.arrived):
            self.newest, self.bits = offset, 1
        elif ahead > 0:
            self.newest, self.bits = offset, (self.bits << ahead | 1) & _MASK
        elif -ahead < SPAN:
            self.bits |= 1 << -ahead
        self.arrived = max(self.arrived, arrived)

    def written(self) -> str:
        """What `read` takes: at most 4,096 characters, which is what Kafka keeps beside a committed offset."""
        packed = zlib.compress(self.bits.to_bytes((self.bits.bit_length() + 7) // 8, "little"), 6)
        return f"{self.newest} {self.arrived} {base64.b64encode(packed).decode()}"

    @classmethod
    def read(cls, text: str | None) -> Self:
        """What `written` wrote; one that has seen nothing when the text is another's."""
        try:
            newest, arrived, packed = (text or "").split(" ")
            bits = int.from_bytes(zlib.decompress(base64.b64decode(packed, validate=True)), "little")
            return cls(int(newest), int(arrived), bits & _MASK)
        except (ValueError, binascii.Error, zlib.error):
            return cls()
