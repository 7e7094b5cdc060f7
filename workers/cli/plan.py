"""`sluicegate plan`: what so many posts a second need."""

from __future__ import annotations

import dataclasses
import json

import click

from workers.planning import LOAD

SHARDED = """\
One Redis holds the counters of one set of workers and topics. More shards are as many such sets, and the platform sends
an author's posts always to the same one: counters by author stay exact, those across authors (campaigns, link sites,
devices) then see the posts of their own set."""


@click.command()
@click.option("--posts-per-second", type=click.FloatRange(min=1), required=True, metavar="N", help="At the peak.")
@click.option(
    "--load",
    type=click.FloatRange(0, 1, min_open=True),
    default=LOAD,
    show_default=True,
    help="What that peak is to be of the most that they could do: 0.5 leaves as much again to spare.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def command(posts_per_second: float, load: float, as_json: bool) -> None:
    """Say how many cores, Kafka partitions and Redis shards so many posts a second need, and how that is reckoned.

    From what `make bench` measured on the machine that is named below the answer. Measure on yours, and keep what was
    measured, with `make bench ARGS=--keep`. Kafka's brokers are not in it: ask those who run them.
    """
    from workers.planning import plan, shipped_figures

    figures = shipped_figures()
    needed = plan(posts_per_second, figures, load)
    if as_json:
        from msgspec import to_builtins

        click.echo(json.dumps({**dataclasses.asdict(needed), "measured": to_builtins(figures)}, ensure_ascii=False))
        return
    memory = f"{needed.worker_cores:,} x {figures.worker_mb:,.0f} MB"
    rows = (
        ("worker cores", f"{needed.worker_cores:,}", needed.worker_arithmetic),
        ("workers' memory", f"{needed.worker_mb / 1024:,.1f} GB", memory),
        ("Kafka partitions", f"{needed.partitions:,}", needed.partitions_arithmetic),
        ("Redis shards", f"{needed.redis_shards:,}", needed.redis_arithmetic),
    )
    click.echo(f"{posts_per_second:,.0f} posts/s need")
    for name, amount, arithmetic in rows:
        click.echo(f"  {name:17}{amount:>9}   {arithmetic}")
    if needed.redis_shards > 1:
        click.echo(SHARDED)
    click.echo(f"Measured {figures.date} on {figures.machine}, commit {figures.commit}.")
