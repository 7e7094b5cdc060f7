"""Times of day, as a terminal shows them."""

from __future__ import annotations

from datetime import UTC, datetime


def clock(at_ms: int) -> str:
    """The time of day (UTC) of epoch milliseconds; dashes for what no calendar has."""
    try:
        return f"{datetime.fromtimestamp(at_ms / 1_000, UTC):%H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return "--:--:--"
