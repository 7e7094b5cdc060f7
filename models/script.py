"""The script of a text. A gram means something else in an English text than in a Chinese one: a number, a link, three
letters. So the grams of texts in an alphabet are hashed apart, and a model learns of each script by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.folding import Folded

# Chinese, Japanese and Korean characters, from the radicals to the compatibility forms.
EAST_ASIAN_FIRST, EAST_ASIAN_COUNT = np.uint32(0x2E80), np.uint32(0xFB00 - 0x2E80)
# From one in so many on they make a text East Asian: a character or two slipped into an English one do not.
EAST_ASIAN_EVERY = 6
ALPHABETIC = np.uint32(0x510E5280)


def salts(folded: Folded) -> NDArray[np.uint32]:
    """uint32[n]: what the hashes of each text are salted with: 0 if it is East Asian, else ALPHABETIC."""
    result = np.full(len(folded), ALPHABETIC)
    filled = folded.lengths.nonzero()[0]
    east_asian = (folded.codes - EAST_ASIAN_FIRST) < EAST_ASIAN_COUNT
    counts = np.add.reduceat(east_asian, folded.starts[filled], dtype=np.int64)
    result[filled[counts * EAST_ASIAN_EVERY >= folded.lengths[filled]]] = 0
    return result
