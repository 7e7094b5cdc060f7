"""What is said at the end of a run."""

from __future__ import annotations

import asyncio

from workers.live.report import print_report, summary
from workers.live.watch import Watch
from workers.terminal.pictures import recording


async def told(verdicts: list[str | None]) -> list[str]:
    """The lines about so many ordinary posts, those with None not decided yet."""
    watch = Watch({"bootstrap_servers": "localhost:9"}, keep_verdicts=True)
    for offset, verdict in enumerate(verdicts):
        if verdict:
            watch.counts[verdict] += 1
            watch.verdicts[0, offset] = verdict
    console = recording()
    truths = {(0, offset): "ordinary" for offset in range(len(verdicts))}
    print_report(console, watch, summary(watch, len(verdicts)), 0, truths, None)
    return [" ".join(line.split()) for line in console.export_text().splitlines()]


def test_posts_without_a_verdict_are_told_and_count_as_neither_allowed_nor_stopped() -> None:
    lines = asyncio.run(told(["allow", "allow", "allow", "flag", None, None]))
    assert "2 posts had no verdict yet" in lines
    assert "ordinary 4 3 1 0 0 25.00%" in lines


def test_of_a_run_that_came_to_its_end_nothing_is_missing() -> None:
    lines = asyncio.run(told(["allow", "dead"]))
    assert not any("no verdict yet" in line for line in lines)
    assert "ordinary 2 1 0 0 1 50.00%" in lines


def test_of_each_reason_the_first_dead_letter_says_what_was_wrong() -> None:
    async def said() -> str:
        watch = Watch({"bootstrap_servers": "localhost:9"})
        watch.counts["dead"], watch.reasons["schema"] = 2, 2
        watch.details["schema"] = "id is missing\x1b[2J"
        console = recording()
        print_report(console, watch, summary(watch, 2), 0, {}, None)
        return console.export_text()

    assert "dead letters, schema: 2; the first: id is missing·[2J\n" in asyncio.run(said())


def test_posts_decided_without_counters_are_told_with_when_and_what_to_do() -> None:
    async def said() -> str:
        watch = Watch({"bootstrap_servers": "localhost:9"})
        watch.counts["allow"] = 3
        for decided_at in (60_000, 0, 90_000):
            watch.degraded.add(decided_at)
        console = recording()
        result = summary(watch, 3)
        assert result["degraded"] == 3
        print_report(console, watch, result, 0, {}, None, "Start Redis")
        return console.export_text()

    lines = asyncio.run(said()).splitlines()
    at = next(line for line, text in enumerate(lines) if "without counters" in text)
    assert lines[at].startswith("3 posts decided without counters, 00:00:00 to 00:01:30 UTC: ")
    assert lines[at + 1] == "Start Redis"
