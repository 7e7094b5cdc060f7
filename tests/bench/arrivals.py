"""When posts come: a Poisson process, decided before the first is sent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def poisson(rate: float, seconds: float, seed: int) -> NDArray[np.float64]:
    """When posts come that know nothing of one another: ascending, from 0 to `seconds`, `rate` a second in the mean."""
    chance = np.random.default_rng(seed)
    number = chance.poisson(rate * seconds)
    return np.sort(chance.uniform(0, seconds, number))


def delays_ms(due: NDArray[np.float64], seen: NDArray[np.float64]) -> NDArray[np.float64]:
    """How long after it was due each post was seen decided, in milliseconds.

    From when it was due, not from when it was sent: a sender that was held up would hide what its posts waited.

    Args:
        due, seen: seconds of the same clock; `seen` is NaN where nothing was.

    Raises:
        ValueError: some were not seen.
    """
    missing = int(np.isnan(seen).sum())
    if missing:
        raise ValueError(f"{missing} of {len(due)} posts were not decided")
    return (seen - due) * 1_000
