"""What is said at the end of a run."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from workers.live.degraded import WITHOUT, say
from workers.live.view import VERDICTS, View
from workers.live.watch import Watch
from workers.terminal.marking import visible
from workers.terminal.pictures import recording, save


def summary(watch: Watch, sent: int) -> dict[str, Any]:
    """The run in numbers: allow + flag + block + dead make up `posts` when every post has its verdict.

    `degraded` are those of them that were decided without counters.
    """
    seconds = watch.seconds
    return {
        "posts": sent,
        **{verdict: watch.counts[verdict] for verdict in VERDICTS},
        "degraded": watch.degraded.count,
        "posts_per_second": round(watch.decided / seconds) if seconds else 0,
        "latency_ms": watch.latency_ms(),
        "seconds": round(seconds, 2),
    }


def print_report(
    console: Console,
    watch: Watch,
    result: dict[str, Any],
    cpu: float,
    truths: dict[tuple[int, int], str],
    file: Path | None,
    advice: str = "",
) -> None:
    """Print the summary, the dead letters' reasons and, where the truth is known, what was caught of each kind.

    Args:
        cpu: seconds of processor time that the workers took for it; 0 where the system does not tell.
        truths: truth by partition and offset, of simulated posts.
        file: where to write each post's truth and verdict as JSON Lines, if anywhere.
        advice: what to do where posts were decided without counters.
    """
    latency = result["latency_ms"]
    counts = ", ".join(f"{verdict} {result[verdict]:,}" for verdict in VERDICTS)
    console.print(f"{result['posts']:,} posts: {counts}")
    if waiting := result["posts"] - sum(result[verdict] for verdict in VERDICTS):
        console.print(f"{waiting:,} posts had no verdict yet")
    console.print(
        f"{result['posts_per_second']:,} posts/s over {result['seconds']} s; "
        f"latency p50 {latency['p50']:,.0f} ms, p99 {latency['p99']:,.0f} ms"
    )
    if cpu > 0 and watch.decided:
        each = cpu / watch.decided
        console.print(f"the workers took {each * 1e6:,.0f} µs of processor a post: {1 / each:,.0f} posts/s a core")
    for reason, count in watch.reasons.most_common():
        detail = visible(watch.details[reason])
        console.print(f"dead letters, {reason}: {count:,}; the first: {detail}", soft_wrap=True)
    if truths and watch.verdicts:
        console.print(_caught(truths, watch.verdicts))
    if watch.degraded.count:
        say(console, f"{watch.degraded}: {WITHOUT}", advice)
    if file:
        with file.open("w") as out:
            for (partition, offset), truth in truths.items():
                verdict = watch.verdicts.get((partition, offset))
                line = {"partition": partition, "offset": offset, "truth": truth, "verdict": verdict}
                out.write(json.dumps(line) + "\n")


def _caught(truths: dict[tuple[int, int], str], verdicts: dict[tuple[int, int], str]) -> Table:
    """What became of the posts that have their verdict: a run that is broken off leaves others behind."""
    decided = [(truth, verdicts[place]) for place, truth in truths.items() if place in verdicts]
    tally = Counter(decided)
    table = Table(title="What the posts were, and what became of them", title_justify="left", box=None)
    table.add_column("truth", style="cyan")
    for verdict in ("posts", *VERDICTS, "not allowed"):
        table.add_column(verdict, justify="right")
    for kind, total in Counter(truth for truth, _verdict in decided).most_common():
        shares = [tally[kind, verdict] for verdict in VERDICTS]
        table.add_row(kind, f"{total:,}", *(f"{share:,}" for share in shares), f"{1 - shares[0] / total:.2%}")
    return table


def save_picture(view: View, file: Path) -> None:
    """Write the live view as it stands as an SVG."""
    console = recording()
    console.print(view.page())
    save(console, "sluicegate run", file)
