"""Event time with a daily rhythm."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

POSTS_PER_SECOND = 20.0  # mean over a day
_DAY_S = 86_400
_ZONE_H = 8  # the platform's people live at UTC+8


def rate(hour: NDArray[np.float64]) -> NDArray[np.float64]:
    """Posts per unit of time at a local hour of the day, 1 in the mean: low before dawn, high in the evening."""
    return 1 - 0.62 * np.cos((hour - 5) * np.pi / 12) + 0.25 * np.cos((hour - 21) * np.pi / 6)


class Clock:
    """Hands out ascending times: a Poisson process whose rate follows the hour. Starts at `start_ms`."""

    def __init__(self, start_ms: int) -> None:
        local_s = start_ms / 1000 + _ZONE_H * 3600
        self._midnight_ms = start_ms - int(local_s % _DAY_S * 1000)
        seconds = np.arange(0, 2 * _DAY_S + 1, 60.0)
        minutes = rate((seconds[:-1] + 30) / 3600 % 24) * 60 * POSTS_PER_SECOND
        self._seconds = seconds
        self._expected = np.concatenate(([0.0], np.cumsum(minutes)))  # posts since local midnight
        self._a_day = float(self._expected[len(seconds) // 2])
        self._posts = float(np.interp(local_s % _DAY_S, self._seconds, self._expected))

    def next(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Times of the next `count` posts, milliseconds since the epoch, never falling."""
        posts = self._posts + np.cumsum(rng.standard_exponential(count))
        if count:
            self._posts = float(posts[-1])
        days, within = np.divmod(posts, self._a_day)
        seconds = days * _DAY_S + np.interp(within, self._expected, self._seconds)
        return np.asarray(self._midnight_ms + seconds * 1000, np.int64)
