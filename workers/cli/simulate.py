"""`sluicegate simulate`: the simulator's posts as JSON Lines."""

from __future__ import annotations

import contextlib
import sys
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from workers.cli.times import TimeType

if TYPE_CHECKING:
    from workers.simulator import Simulator


@click.command("simulate")
@click.option("--count", type=click.IntRange(min=0), default=20_000, show_default=True, help="How many lines.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Same seed, same bytes.")
@click.option(
    "--truth",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write what each line really is to this file, as JSON Lines: line (from 1), id, truth, detail.",
)
@click.option("--start", type=TimeType(), help="Event time of the first post. [default: 2026-11-02T02:30Z]")
def command(count: int, seed: int, truth: Path | None, start: datetime | None) -> None:
    """Print the posts of a small made-up platform, one JSON object a line, in order of time.

    Most are ordinary talk in Chinese and English. Planted in it: solicitation, a marketing campaign
    from 200 accounts, a link farm, a flood, a click-farm ring, abuse, and bytes that are no post at all.
    """
    from workers.simulator import Simulator
    from workers.simulator.platform import START_MS

    start_ms = START_MS if start is None else int(start.timestamp() * 1000)
    with truth.open("wb") if truth else contextlib.nullcontext() as labels:
        _print(Simulator(seed, count, start_ms), count, labels)


def _print(simulator: Simulator, count: int, labels: IO[bytes] | None) -> None:
    import msgspec

    encode = msgspec.json.Encoder().encode
    done = 0
    for block in simulator.blocks():
        sys.stdout.buffer.write(b"\n".join(block.values) + b"\n")
        if labels:
            rows = zip(block.ids, block.truths, block.details, strict=True)
            labels.writelines(
                encode({"line": line, "id": id, "truth": kind, **({"detail": detail} if detail else {})}) + b"\n"
                for line, (id, kind, detail) in enumerate(rows, done + 1)
            )
        done += len(block.values)
        if sys.stderr.isatty():
            click.echo(f"\r{done:,} of {count:,}", nl=done >= count, err=True)
