"""What happened when: kept for the report, and printed as it happens."""

from __future__ import annotations

import time
from typing import NamedTuple


class Moment(NamedTuple):
    """Seconds since the run began, and what happened."""

    at: float
    what: str

    def __str__(self) -> str:
        return f"{self.at:7.1f} s  {self.what}"


class Timeline:
    """The moments of a run, in order."""

    def __init__(self, printed: bool = True) -> None:
        self.moments: list[Moment] = []
        self._printed = printed
        self._began = time.monotonic()

    def note(self, what: str) -> None:
        """Something happened now."""
        self.moments.append(Moment(self.seconds, what))
        if self._printed:
            print(self.moments[-1], flush=True)

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self._began
