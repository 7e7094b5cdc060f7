"""`python -m chaos run|soak`: what `make chaos` and `make soak` start."""

from __future__ import annotations

import asyncio
import random
import shutil
from pathlib import Path

import click

from chaos.report import report, save
from chaos.run import run
from chaos.schedule import FULL, SHORT
from deploy.processes import ServiceError

BUILD = Path("build")


@click.group()
def main() -> None:
    """Break what workers stand on, and check what comes out."""


@main.command("run")
@click.option("--posts", default=1_000_000, show_default=True, help="How many posts.")
@click.option("--rate", default=1_500.0, show_default=True, help="Posts a second.")
@click.option("--workers", default=2, show_default=True, help="Workers at the start.")
@click.option("--seed", type=int, help="Of posts and faults; a new one without it.")
@click.option("--short", is_flag=True, help="One fault of every kind instead of all.")
@click.option("--delivery", type=click.Choice(["exactly_once", "at_least_once"]), default="exactly_once")
def run_command(posts: int, rate: float, workers: int, seed: int | None, short: bool, delivery: str) -> None:
    """Play posts through faults; the exit code is 1 when something is wrong."""
    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    click.echo(f"seed {seed}")
    folder = (BUILD / "chaos").resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    phases = SHORT if short else FULL
    try:
        outcome = asyncio.run(
            run(folder, seed=seed, posts=posts, rate=rate, phases=phases, workers=workers, delivery=delivery)
        )
    except ServiceError as error:
        raise click.ClickException(str(error)) from None
    click.echo(report(outcome))
    save(outcome, BUILD / "chaos.json")
    raise SystemExit(1 if outcome.findings else 0)


if __name__ == "__main__":
    main()
