"""Telling that posts are decided without counters: at once, while it lasts, and at the end of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from rich.console import Console

from workers.terminal.clock import clock

WITHOUT = "rules that read them do not fire, and no campaign is found"
STYLE = "bold red"
LOOK_SECONDS = 0.25
# Partitions get their counters back one by one: so long nothing may be missing before it is called mended.
CALM_LOOKS = 8

Fault = Callable[[], Awaitable[str]]


class Degraded:
    """Posts that were decided without counters: how many, and when first and last, in epoch milliseconds."""

    def __init__(self) -> None:
        self.count = 0
        self.first = 0
        self.last = 0

    def add(self, decided_at: int) -> None:
        """One more. They come from several partitions, so not in order."""
        self.first = min(self.first, decided_at) if self.count else decided_at
        self.last = max(self.last, decided_at)
        self.count += 1

    def __str__(self) -> str:
        return f"{self.count:,} posts decided without counters, {clock(self.first)} to {clock(self.last)} UTC"


def way_out(fault: str, own: bool) -> str:
    """What to do. fault: why Redis cannot be used, empty where that is not known; own: this run started the workers."""
    if not own:
        return "Look at the Redis of the workers, and at what their log says"
    if not fault:
        return "Redis answers now, and counters come back by themselves; if not, it is slow, full or read-only"
    return f"{fault}. Start it, or name another with --redis; counters come back by themselves"


def say(console: Console, head: str, then: str) -> None:
    """Print the two lines."""
    console.print(head, style=STYLE, soft_wrap=True)
    console.print(then, soft_wrap=True)


async def tell(
    console: Console, degraded: Degraded, decided: Callable[[], int], fault: Fault, own: bool, lost: bool
) -> None:
    """Print when decisions begin to lack counters, and when they have them again, for as long as this is awaited.

    Args:
        decided: how many posts have their verdict.
        fault: asks why Redis cannot be used.
        own: this run started the workers.
        lost: it has been told already that there are no counters.
    """
    known, before, calm = 0, 0, 0
    while True:
        count, all_posts = degraded.count, decided()
        if count > known:
            calm = 0
            if not lost:
                lost = True
                say(console, f"{clock(degraded.last)} WITHOUT COUNTERS: {WITHOUT}", way_out(await fault(), own))
        elif all_posts > before:
            calm += 1
            if lost and calm >= CALM_LOOKS:
                lost = False
                console.print(f"counters are back: {degraded}", soft_wrap=True)
        known, before = count, all_posts
        await asyncio.sleep(LOOK_SECONDS)
