"""How likely a post is found to be one of a campaign, over how much it has in common with it: measured, and drawn.

`PYTHONPATH=. python -m tests.workers.campaigns.curve` writes workers/campaigns/curve.svg and prints the figures.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workers.campaigns.finding import KEYS, LEAST_PERCENT, LEAST_PERCENT_LETTERS, LEAST_SAME, LEAST_VOTES, NO_KEY, SLOTS
from workers.campaigns.sketch import minima

PICTURE = Path(__file__).parents[3] / "workers" / "campaigns" / "curve.svg"
PAIRS, GRAMS = 4_000, 60
SIMILARITIES = np.arange(0.02, 1.0, 0.04)
WIDTH, HEIGHT, LEFT, TOP = 640, 360, 60, 20


def pairs(similarity: float, rng: np.random.Generator) -> tuple[NDArray[np.uint32], NDArray[np.uint32], float]:
    """Grams of PAIRS texts and of as many that have this much in common with them, (PAIRS, GRAMS); the exact figure."""
    common = round(2 * GRAMS * similarity / (1 + similarity))
    one = rng.integers(1, 2**32, (PAIRS, GRAMS), dtype=np.uint32)
    other = rng.integers(1, 2**32, (PAIRS, GRAMS), dtype=np.uint32)
    other[:, :common] = one[:, :common]
    return one, other, common / (2 * GRAMS - common)


def kept(grams: NDArray[np.uint32], parts: int) -> NDArray[np.uint32]:
    return minima(grams.ravel(), np.repeat(np.arange(PAIRS), GRAMS), PAIRS, parts)


def measured(similarity: float, rng: np.random.Generator) -> tuple[float, float, float, float, float]:
    """Exact similarity, and the shares found by keys of one post, by one key of many, and by the sketch.

    The sketch's is that of Chinese texts, and then of those in an alphabet.
    """
    one, other, exact = pairs(similarity, rng)
    keys, other_keys = kept(one, KEYS), kept(other, KEYS)
    same = (keys == other_keys) & (keys != NO_KEY)
    # A post that is like no other writes the keys of even or of odd parts.
    votes = np.where(np.arange(PAIRS) % 2, same[:, 1::2].sum(axis=1), same[:, ::2].sum(axis=1))
    first, second = kept(one, SLOTS), kept(other, SLOTS)
    low, other_low = (np.where(each == NO_KEY, 0, np.maximum(each & 0xFF, 1)) for each in (first, second))
    agree = ((low == other_low) & (low > 0)).sum(axis=1)
    either = ((low > 0) | (other_low > 0)).sum(axis=1)
    chinese, letters = (
        float(((agree >= LEAST_SAME) & (100 * agree >= percent * either)).mean())
        for percent in (LEAST_PERCENT, LEAST_PERCENT_LETTERS)
    )
    return exact, float((votes >= LEAST_VOTES).mean()), float((same.sum(axis=1) >= 1).mean()), chinese, letters


def drawn(rows: NDArray[np.float64]) -> str:
    """The curves as SVG."""
    curves = (
        ("keys of a campaign (one of twelve)", rows[:, 2], "#1f6f54"),
        ("keys of a single post (two of six)", rows[:, 1], "#b3541e"),
        ("sketch of a Chinese text (64 slots)", rows[:, 3], "#3a5a9b"),
        ("sketch of one in an alphabet", rows[:, 4], "#8a5a9b"),
    )
    right, bottom = WIDTH - 20, HEIGHT - 50

    def place(x: float, y: float) -> str:
        return f"{LEFT + x * (right - LEFT):.1f},{bottom - y * (bottom - TOP):.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for tick in range(6):
        share = tick / 5
        x, y = place(share, 0).split(",")[0], place(0, share).split(",")[1]
        parts.append(f'<path d="M{LEFT} {y}H{right}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y}" text-anchor="end">{share:.1f}</text>')
        parts.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{share:.1f}</text>')
    for line, (name, shares, colour) in enumerate(curves):
        points = " ".join(place(x, y) for x, y in zip(rows[:, 0], shares, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{right - 240}" y="{bottom - 78 + 18 * line}" fill="{colour}">{name}</text>')
    middle = (LEFT + right) / 2
    parts.append(
        f'<text x="{middle}" y="{HEIGHT - 12}" text-anchor="middle">similarity (Jaccard) of the sets of grams</text>'
    )
    turned = f"translate(16 {(TOP + bottom) / 2}) rotate(-90)"
    parts.append(f'<text transform="{turned}" text-anchor="middle">share found</text></svg>')
    return "\n".join(parts) + "\n"


def main() -> None:
    rng = np.random.default_rng(20261125)
    rows = np.array([measured(similarity, rng) for similarity in SIMILARITIES])
    PICTURE.write_text(drawn(rows))
    for row in rows:
        print("  ".join(f"{figure:.3f}" for figure in row))


if __name__ == "__main__":
    main()
