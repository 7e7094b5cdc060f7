"""The picture of a run: on a terminal a live page, elsewhere a line a second."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from workers.live.degraded import STYLE
from workers.live.watch import Watch
from workers.terminal.marking import STYLES, marked, visible

VERDICTS = ("allow", "flag", "block", "dead")
RULES_SHOWN = 8
RATE_SECONDS = 3.0


class View:
    """Draws what a watch has seen."""

    def __init__(self, watch: Watch, addresses: Mapping[str, list[str]]) -> None:
        self._watch = watch
        self._addresses = addresses
        self._samples = deque([(time.monotonic(), watch.decided)], maxlen=64)

    def rate(self) -> float:
        """Posts decided a second, over the last few seconds. Call it about as often as the picture is drawn."""
        now, decided = time.monotonic(), self._watch.decided
        self._samples.append((now, decided))
        while len(self._samples) > 2 and now - self._samples[0][0] > RATE_SECONDS:
            self._samples.popleft()
        (then, before), *_ = self._samples
        return (decided - before) / (now - then) if now > then else 0.0

    def line(self) -> str:
        """The run in one line."""
        watch, latency = self._watch, self._watch.recent_latency_ms()
        shares = "  ".join(f"{verdict} {watch.counts[verdict]:,}" for verdict in VERDICTS)
        latencies = f"latency p50 {latency['p50']:,.0f} ms, p99 {latency['p99']:,.0f} ms"
        without = f"  without counters {watch.degraded.count:,}" if watch.degraded.count else ""
        return f"{watch.decided:,} posts  {self.rate():,.0f}/s  {shares}  {latencies}{without}"

    def page(self) -> RenderableType:
        """The run as a page."""
        return Group(self._head(), self._middle(), self._last())

    def _head(self) -> Panel:
        watch, latency = self._watch, self._watch.recent_latency_ms()
        total = max(1, watch.decided)
        grid = Table.grid(padding=(0, 3))
        grid.add_row(
            Text.assemble((f"{self.rate():,.0f}", "bold cyan"), " posts/s"),
            Text.assemble((f"{watch.decided:,}", "bold"), " posts decided"),
            Text.assemble(
                "latency p50 ",
                (f"{latency['p50']:,.0f} ms", "bold"),
                "  p99 ",
                (f"{latency['p99']:,.0f} ms", "bold"),
            ),
        )
        bar = Text()
        for verdict in VERDICTS:
            share = watch.counts[verdict] / total
            bar.append(f" {verdict} {share:.2%} ({watch.counts[verdict]:,}) ", STYLES[verdict])
        told: list[RenderableType] = [grid, bar]
        if watch.degraded.count:
            told.append(Text(str(watch.degraded), STYLE))
        where = "  ".join(f"{name} {address}" for name, found in self._addresses.items() for address in found)
        return Panel(Group(*told, Text(where, "dim")), title="Sluicegate", border_style="blue")

    def _middle(self) -> Table:
        rules = Table(title="Rules that fire most", title_justify="left", expand=True, box=None)
        rules.add_column("rule", style="cyan")
        rules.add_column("posts", justify="right")
        most = max(self._watch.rules.values(), default=1)
        rules.add_column("", ratio=1)
        for rule, count in self._watch.rules.most_common(RULES_SHOWN):
            rules.add_row(rule, f"{count:,}", Text("█" * max(1, round(40 * count / most)), "blue"))
        return rules

    def _last(self) -> Table:
        table = Table(title="Last posts that did not pass", title_justify="left", expand=True, box=None)
        for column, ratio in (("verdict", None), ("reason", 3), ("author", 1), ("text", 3)):
            table.add_column(column, ratio=ratio, overflow="ellipsis", no_wrap=True)
        for decision in self._watch.last:
            assert decision.post is not None
            heaviest = next(rule for rule in decision.rules if rule.verdict == decision.verdict)
            table.add_row(
                Text(decision.verdict, STYLES[decision.verdict]),
                visible(heaviest.reason),
                marked(decision.post.author.name, decision.spans, "name", 24),
                marked(decision.post.text, decision.spans, "text", 60),
            )
        return table
