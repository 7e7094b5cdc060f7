"""What was decided, for programs that act on it: the platform's own, and those of trust-and-safety.

from topics.client import Decisions

with Decisions("kafka:9092", "flag", "block", group="review-desk") as decisions:
    for decision in decisions:
        ...
"""

from __future__ import annotations

from topics.client.decisions import Decisions, Record, Unreadable
from topics.client.log import ClientError

__all__ = ["ClientError", "Decisions", "Record", "Unreadable"]
