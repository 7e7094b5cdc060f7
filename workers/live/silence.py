"""Noticing that posts wait and nothing decides them."""

from __future__ import annotations

from collections.abc import Callable

from deploy.processes import ServiceError

# A worker that dies is replaced within 9 to 13 s, one that is started anew loads for about as long.
TOLD_SECONDS = 5.0
LONGEST_SECONDS = 60.0


class Silence:
    """Tells of a silence of the decision topics once, and ends the run when it lasts.

    say: prints a line.
    way_out: what to do about it.
    """

    def __init__(self, say: Callable[[str], None], way_out: str) -> None:
        self._say = say
        self._way_out = way_out
        self._heard = 0
        self._seconds = 0.0
        self._told = False

    def look(self, waiting: int, heard: int, seconds: float) -> None:
        """Look again after so many seconds in which this program ran: what stops it stops the count as well.

        Args:
            waiting: posts that were sent and have no verdict.
            heard: all that came on the decision topics so far, of others too.

        Raises:
            ServiceError: nothing came for LONGEST_SECONDS while posts waited.
        """
        if heard != self._heard or waiting <= 0:
            self._heard, self._seconds, self._told = heard, 0.0, False
            return
        self._seconds += seconds
        if self._seconds >= LONGEST_SECONDS:
            raise ServiceError(f"no verdict came for {LONGEST_SECONDS:.0f} s, {waiting:,} posts wait. {self._way_out}")
        if self._seconds >= TOLD_SECONDS and not self._told:
            self._told = True
            self._say(f"no verdict for {TOLD_SECONDS:.0f} s, {waiting:,} posts wait. {self._way_out}")
