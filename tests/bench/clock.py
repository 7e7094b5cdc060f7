"""Processor time: of this process, and of others by what the kernel says of them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(process: int) -> float:
    """User and system time of all threads of a process: what its own getrusage says, to a hundredth of a second.

    Raises SystemExit where the system does not tell (it takes Linux).
    """
    return sum(map(int, _fields(process)[11:13])) / TICKS


def resident_bytes(process: int) -> int:
    """Memory of a process that is in RAM."""
    return int(_fields(process)[21]) * PAGE


def _fields(process: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on: the second, the name, may hold spaces."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        raise SystemExit(f"process {process} has ended, or this is not Linux: the figures need /proc") from None


def seconds_each(work: Callable[[], object], least: float = 2.0, warm: int = 1) -> float:
    """CPU seconds that a call of `work` takes in this process, over as many calls as make `least` seconds."""
    for _ in range(warm):
        work()
    calls, start = 0, time.process_time()
    while (taken := time.process_time() - start) < least:
        work()
        calls += 1
    return taken / calls
