"""A reader as a process of its own: `python reader.py KAFKA GROUP FILE HANDLED` appends a line for each decision.

It stops for ever, so that it can be killed, in the middle of handling decision number HANDLED.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from topics.client import Decisions

if __name__ == "__main__":
    kafka, group, file, handled = sys.argv[1:]
    with Decisions(
        kafka, group=group, max_poll_records=3, session_timeout_ms=1_500, heartbeat_interval_ms=300
    ) as decisions:
        for number, decision in enumerate(decisions, 1):
            with Path(file).open("a") as out:
                out.write(f"{decision.verdict} {decision.source.partition} {decision.source.offset}\n")
            if number == int(handled):
                time.sleep(3_600)
