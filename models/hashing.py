"""32-bit hashes of codes, in columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Odd constants of splitmix and murmur finalisers: they spread neighbouring code points over all 32 bits.
SPREAD = np.uint32(0x9E3779B1)
MIX_1, MIX_2 = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)
NO_GRAM = 0


def spread(codes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Neighbouring code points, far apart."""
    letters = codes * SPREAD
    letters ^= letters >> np.uint32(15)
    return letters


def mix(values: NDArray[np.uint32], out: NDArray[np.uint32] | None = None) -> NDArray[np.uint32]:
    """Multiply and xor-shift until every bit depends on every bit; NO_GRAM is never a result. `values` are lost."""
    values ^= values >> np.uint32(16)
    values *= MIX_1
    values ^= values >> np.uint32(13)
    values *= MIX_2
    values ^= values >> np.uint32(16)
    return np.maximum(values, np.uint32(1), out=out)
