"""The figures: what each is, what it must reach, and how they are kept in build/bench.json."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.json import encode, format
from rich.console import Console
from rich.table import Table

import workers
from workers.planning import Figures

PLANNED_WITH = Path(workers.__file__).with_name("figures.json")


class Figure(NamedTuple):
    """What a key of bench.json means. `least` and `most` are what it must reach; without either it only informs."""

    what: str
    least: float | None = None
    most: float | None = None

    @property
    def must(self) -> str:
        """What must be reached, in words; empty where nothing must."""
        if self.least is not None:
            return f">= {self.least:,g}"
        return "" if self.most is None else f"<= {self.most:,g}"

    def reached(self, value: float) -> bool | None:
        """Whether `value` is what it must be; None where nothing must."""
        if self.least is not None:
            return value >= self.least
        return None if self.most is None else value <= self.most


CORES_TO_SPARE = (os.cpu_count() or 1) >= 4
"""Enough for two workers beside broker and Valkey."""
FIGURES: dict[str, Figure] = {
    "pipeline.ratio_to_idiomatic": Figure("CPU a post of an idiomatic Faust worker over ours", 50),
    "pipeline.posts_per_second_per_core": Figure("posts over CPU seconds of the worker process", 50_000),
    "pipeline.share_of_limit": Figure("the same, over that of a worker that passes bytes on unread", 0.2),
    "pipeline.idiomatic_posts_per_second_per_core": Figure("of the idiomatic worker"),
    "pipeline.limit_posts_per_second_per_core": Figure("of the worker that passes bytes on"),
    "pipeline.valkey_us_per_post": Figure("CPU of Valkey's process beside ours"),
    "text.posts_per_second": Figure("three models with folding, one core", 400_000),
    "text.ratio_to_sklearn": Figure("the same, over HashingVectorizer and the same linear models", 20),
    "rules.evaluations_per_second": Figure("50 rules, batches of 1,000", 20e6),
    "terms.posts_per_second": Figure("100,000 terms", 300_000),
    "counters.keys_per_second": Figure("through one Valkey; CPU of client and Valkey together", 250_000),
    "latency.p50_ms": Figure("produced to decided at half load, Apache Kafka", most=25),
    "latency.p99_ms": Figure("produced to decided at half load, Apache Kafka", most=100),
    "latency.idle_p99_ms": Figure("at 10 posts/s, Apache Kafka", most=30),
    "growth.rules_1000_vs_50": Figure("CPU a post", most=1.5),
    "growth.terms_100k_vs_1k": Figure("CPU a post", most=1.5),
    "growth.campaigns_10M_vs_1M": Figure("CPU a post, worker and Valkey, by keys of live campaigns", most=1.5),
    "growth.text_8x_length": Figure("CPU a post", most=8.5),
    "memory.worker_mb": Figure("resident after 2 M posts", most=450),
    "memory.growth": Figure("of it over the second million", most=0.02),
    "scale.two_workers": (
        Figure("posts/s of two workers over those of one, a core each", 1.8)
        if CORES_TO_SPARE
        else Figure("CPU a post of two workers over that of one", most=1.1)
    ),
}


def machine() -> str:
    """What this was measured on, in a line."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{os.cpu_count()} cores, {model}, {platform.system()}, Python {platform.python_version()}"


def commit() -> str:
    """The commit of the working tree, with a + when it has been changed since; empty outside of git."""
    try:
        asked = subprocess.run(["git", "describe", "--always", "--dirty=+"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return asked.stdout.strip()


def save(file: Path, bench: str, measured: Mapping[str, float]) -> None:
    """Put what one bench measured into `file`, beside what others did."""
    known: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    run = {"machine": machine(), "date": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit()}
    runs = known.get("runs", {}) | {bench: run}
    must = known.get("must", {}) | {key: figure.must for key, figure in FIGURES.items() if figure.must}
    figures = {key: value for key, value in known.items() if "." in key} | {
        key: float(f"{value:.4g}") for key, value in measured.items()
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**run, **dict(sorted(figures.items())), "must": must, "runs": runs}, indent=1) + "\n")


def keep_for_planning(file: Path) -> None:
    """Write what `sluicegate plan` reckons with anew. Raises SystemExit when it was not measured."""
    known = json.loads(file.read_text())
    needed = ("pipeline.posts_per_second_per_core", "pipeline.valkey_us_per_post", "memory.worker_mb")
    if missing := [key for key in needed if key not in known]:
        raise SystemExit(f"{', '.join(missing)} not in {file}: run the bench of that name first")
    run = known["runs"]["pipeline"]
    figures = Figures(
        worker_us=round(1e6 / known[needed[0]], 1),
        redis_us=round(known[needed[1]], 1),
        worker_mb=round(known[needed[2]]),
        machine=run["machine"],
        date=run["date"][:10],
        commit=run["commit"],
    )
    PLANNED_WITH.write_bytes(format(encode(figures), indent=1) + b"\n")


def table(measured: Mapping[str, float]) -> Table:
    """The figures with what they must reach and whether they do."""
    rows = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    rows.add_column("figure", no_wrap=True)
    for heading in ("measured", "must be"):
        rows.add_column(heading, justify="right", no_wrap=True)
    rows.add_column("reached", no_wrap=True)
    rows.add_column("what")
    for key in sorted(measured, key=lambda name: [*FIGURES, name].index(name)):
        figure = FIGURES.get(key, Figure(""))
        reached = figure.reached(measured[key])
        said = "" if reached is None else "[green]yes[/]" if reached else "[red]no[/]"
        rows.add_row(key, shown(measured[key]), figure.must, said, figure.what)
    return rows


def shown(value: float) -> str:
    """A number with as many digits as mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def print_table(measured: Mapping[str, float]) -> None:
    """The table on standard output, coloured on a terminal only."""
    Console(width=None if os.isatty(1) else 140).print(table(measured))
