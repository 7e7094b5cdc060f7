"""Keys of counters and campaigns: 64-bit hashes that stay the same for ever, for what is kept outlives the process."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest


def hash_strings(values: Sequence[str | None]) -> NDArray[np.uint64]:
    """A 64-bit key for each value, shape (n,): XXH3 of its UTF-8 bytes; 0 for None and for "".

    Lone surrogates are hashed as the three bytes UTF-8 would give them.
    """
    try:
        keys = [xxh3_64_intdigest(value.encode()) or 1 if value else 0 for value in values]
    except UnicodeEncodeError:
        encoded = [(value or "").encode("utf-8", "surrogatepass") for value in values]
        keys = [xxh3_64_intdigest(value) or 1 if value else 0 for value in encoded]
    return np.array(keys, dtype=np.uint64)
