"""Order by group and key: what the counters' columns are sorted by."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", bound=np.generic)
Keys = NDArray[np.uint64]
Places = NDArray[np.intp]
Flags = NDArray[np.bool_]


def by_group(group: NDArray[np.int64], key: Keys, groups: int) -> tuple[Places, Keys, Flags]:
    """Places along the last axis in the order of group and key; the keys in this order; which of them are, and of the
    same group, as the one before: one fewer.

    Equal ones stay as they were. group: below `groups`, broadcast to the keys' shape.

    Numbers are sorted ten times as fast as places by numbers. So group, place and between them as much of the key as
    there are bits left are sorted as one number; where that is too little to tell two keys apart, the keys are.
    """
    place_bits, group_bits = key.shape[-1].bit_length(), groups.bit_length()
    packed = key >> np.uint64(group_bits + place_bits)
    packed <<= np.uint64(place_bits)
    packed |= group.view(np.uint64) << np.uint64(64 - group_bits) | np.arange(key.shape[-1], dtype=np.uint64)
    packed.sort(axis=-1)
    order = (packed & np.uint64((1 << place_bits) - 1)).view(np.int64)
    packed >>= np.uint64(place_bits)
    same: Flags = packed[..., 1:] == packed[..., :-1]
    ordered = _along(key, order)
    equal: Flags = ordered[..., 1:] == ordered[..., :-1]
    if not np.count_nonzero(same > equal):
        return order, ordered, same
    group = np.broadcast_to(group, key.shape)
    order = np.lexsort((key, group), axis=-1)
    ordered, group = _along(key, order), _along(group, order)
    return order, ordered, (ordered[..., 1:] == ordered[..., :-1]) & (group[..., 1:] == group[..., :-1])


def _along(values: NDArray[T], places: Places) -> NDArray[T]:
    """The values at these places along the last axis, as `np.take_along_axis` has them: for few, in a third of its
    time."""
    if values.ndim == 1:
        return values.take(places)
    rows = np.arange(len(values)) * values.shape[-1]
    found: NDArray[T] = values.ravel().take(places + rows[:, None])
    return found
