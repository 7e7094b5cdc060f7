"""Order by group and key: what the counters' columns are sorted by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.intp]
Flags = NDArray[np.bool_]


def by_group(group: NDArray[np.int64], key: NDArray[np.uint64], groups: int) -> tuple[Places, Flags]:
    """Places along the last axis in the order of group and key, and which of them have both of the one before.

    Equal ones stay as they were. group: below `groups`, broadcast to the keys' shape. The second is one shorter.

    Numbers are sorted ten times as fast as places by numbers. So group, place and between them as much of the key as
    there are bits left are sorted as one number; where that is too little to tell two keys apart, the keys are.
    """
    place_bits, group_bits = key.shape[-1].bit_length(), groups.bit_length()
    packed = key >> np.uint64(group_bits + place_bits) << np.uint64(place_bits)
    packed |= group.view(np.uint64) << np.uint64(64 - group_bits)
    packed |= np.arange(key.shape[-1], dtype=np.uint64)
    packed.sort(axis=-1)
    order = (packed & np.uint64((1 << place_bits) - 1)).view(np.int64)
    packed >>= np.uint64(place_bits)
    same: Flags = packed[..., 1:] == packed[..., :-1]
    *axes, again = same.nonzero()
    if bool((key[(*axes, order[(*axes, again)])] == key[(*axes, order[(*axes, again + 1)])]).all()):
        return order, same
    group = np.broadcast_to(group, key.shape)
    order = np.lexsort((key, group), axis=-1)
    key, group = np.take_along_axis(key, order, -1), np.take_along_axis(group, order, -1)
    return order, (key[..., 1:] == key[..., :-1]) & (group[..., 1:] == group[..., :-1])
