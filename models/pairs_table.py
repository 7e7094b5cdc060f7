"""Writes the table of usual pairs: `python -m models.pairs_table FOLDER`, the folder of the published sets.

Only sets whose licence lets weights learned from them be shipped are read. A pair is usual when it stands in at
least LEAST of their posts; the table keeps one bit for a hash, so that nothing of a post can be read from it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.folding import fold
from models.grams import grams
from models.pairs import BITS, MASK, TABLE_FILE, chinese_pairs
from models.training.sources import read_posts

SETS = ("cold-train", "sms-antispam-train", "x-replies-train")
LEAST = 3


def build(folder: Path) -> NDArray[np.bool_]:
    """bool[2 ** BITS], as `models.pairs.usual` before it is packed. PostsError if a set cannot be read."""
    folded = fold([post.text for name in SETS for post in read_posts(folder / f"{name}.jsonl")])
    pairs = grams(folded).hashes[:, 1]
    chinese = chinese_pairs(folded, pairs)
    post = np.repeat(np.arange(len(folded)), np.diff(folded.starts))
    once_a_post = np.unique((post[chinese] << BITS) | (pairs[chinese] & MASK))
    return np.bincount(once_a_post & MASK, minlength=1 << BITS) >= LEAST


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m models.pairs_table FOLDER")
    usual = build(Path(sys.argv[1]))
    np.savez_compressed(TABLE_FILE, allow_pickle=False, usual=np.packbits(usual, bitorder="little"))
    print(f"{TABLE_FILE}: {usual.mean():.1%} of {len(usual):,} hashes are usual, {TABLE_FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
