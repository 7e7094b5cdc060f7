"""The posts of a run: simulated from a seed, written to a file once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TypeVar

from topics.post import Post
from topics.reading import read_posts
from workers.live.feed import Payload, file_source
from workers.simulator import Simulator

Item = TypeVar("Item")
SEED = 20261125
BATCH = 4_000
"""Posts in a batch, as the worker's own setting has it."""


def post_file(folder: Path, count: int) -> Path:
    """A file of `count` simulated posts, a line each, written unless it is there."""
    file = folder / f"posts-{SEED}-{count}.jsonl"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".part")
        with unfinished.open("wb") as out:
            for block in Simulator(SEED, count).blocks():
                out.writelines(value + b"\n" for value in block.values)
        unfinished.rename(file)
    return file


def payloads(folder: Path, count: int) -> Iterator[Payload]:
    """Records to send, each with its author's id as key."""
    return file_source(post_file(folder, count))


@cache
def sound_posts(count: int, seed: int = SEED) -> list[Post]:
    """Simulated posts as the worker reads them, those that are none left out."""
    lines = [value for _, value, _ in Simulator(seed, count).lines()]
    return [post for post in read_posts(lines)[0] if post is not None]


def batches(posts: Sequence[Item], size: int = BATCH) -> Iterator[list[Item]]:
    """The posts in batches."""
    waiting = iter(posts)
    while batch := list(islice(waiting, size)):
        yield batch
