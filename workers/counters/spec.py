"""What a counter is: declared in the policy, identified by what it counts and not by its name."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

KEYS = ("author", "fingerprint", "campaign", "link_domain", "ip", "device", "agency", "reply_to")
"""Columns a counter may be kept by. `campaign` is the id that posts which are alike have in common."""

MEMBERS = tuple(key for key in KEYS if key != "campaign")
"""Columns whose values `distinct` can count."""

SHORTEST_MS = 1_000
LONGEST_MS = 90 * 86_400_000

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_WINDOW = re.compile(r"([0-9]{1,9})([smhd])", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


class CounterSpec(msgspec.Struct, frozen=True):
    """One declared counter.

    `count` counts the posts that share a value of the column `by` within `window_ms`; `of` is then "posts".
    `distinct` counts the different values of the column `of` among those posts.

    Raises:
        ValueError: a field does not make sense; the message says what would.
    """

    name: str
    kind: Literal["count", "distinct"]
    of: str
    by: str
    window_ms: int

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"counter {self.name!r}: a name is a-z, 0-9 and _, starting with a letter, at most 64")
        if self.kind not in ("count", "distinct"):
            raise ValueError(f"counter {self.name}: it can be count or distinct, not {self.kind!r}")
        if self.kind == "count" and self.of != "posts":
            raise ValueError(f"counter {self.name}: count counts posts, not {self.of!r}; did you mean distinct?")
        if self.kind == "distinct" and self.of not in MEMBERS:
            raise ValueError(f"counter {self.name}: distinct counts one of {', '.join(MEMBERS)}, not {self.of!r}")
        if self.by not in KEYS:
            raise ValueError(f"counter {self.name}: by is one of {', '.join(KEYS)}, not {self.by!r}")
        if self.of == self.by:
            raise ValueError(f"counter {self.name}: distinct {self.of} by {self.by} is always 1")
        if not SHORTEST_MS <= self.window_ms <= LONGEST_MS:
            raise ValueError(f"counter {self.name}: a window is between 1s and 90d")

    @property
    def identity(self) -> str:
        """What the stored counts belong to. A renamed counter keeps its counts; a new window starts anew."""
        return f"{self.kind}:{self.of}:{self.by}:{self.window_ms}"


def parse_window(text: str) -> int:
    """Milliseconds of a window such as "30s", "1m", "6h" or "7d".

    Raises:
        ValueError: the text is not of this form, or outside 1s to 90d.
    """
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise ValueError(f"window {text!r}: write a whole number and s, m, h or d, such as 10m")
    window_ms = int(match[1]) * _UNITS[match[2]]
    if not SHORTEST_MS <= window_ms <= LONGEST_MS:
        raise ValueError(f"window {text!r}: it must be between 1s and 90d")
    return window_ms
