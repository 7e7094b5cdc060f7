"""`python -m chaos run|soak`: what `make chaos` and `make soak` start."""

from __future__ import annotations

import asyncio
import json
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
@click.option("--rate", default=2_500.0, show_default=True, help="Posts a second.")
@click.option("--workers", default=2, show_default=True, help="Workers at the start.")
@click.option("--seed", type=int, help="Of posts and faults; a new one without it.")
@click.option("--short", is_flag=True, help="One fault of every kind instead of all.")
@click.option("--delivery", type=click.Choice(["exactly_once", "at_least_once"]), default="exactly_once")
def run_command(posts: int, rate: float, workers: int, seed: int | None, short: bool, delivery: str) -> None:
    """Play posts through faults; the exit code is 1 when something is wrong."""
    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    click.echo(f"seed {seed}")
    folder = _fresh("chaos")
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


@main.command("soak")
@click.option("--seconds", default=1_200.0, show_default=True, help="How long the load lasts.")
def soak_command(seconds: float) -> None:
    """Half of the load that the workers can take; the exit code is 1 when memory, descriptors or lag grow."""
    from chaos.soak import soak

    try:
        soaked = asyncio.run(soak(_fresh("soak"), seconds))
    except ServiceError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{soaked.posts} posts at {soaked.rate:.0f}/s, half of {soaked.capacity:.0f}/s; first and last third:")
    for name, (first, last) in soaked.figures().items():
        click.echo(f"  {name:12} {first:10.1f} {last:10.1f}")
    problems = soaked.problems()
    written = {"capacity": soaked.capacity, "rate": soaked.rate, "posts": soaked.posts, "figures": soaked.figures()}
    (BUILD / "soak.json").write_text(json.dumps({**written, "problems": problems}, indent=1) + "\n")
    click.echo("\n".join(problems) or "flat")
    raise SystemExit(1 if problems else 0)


def _fresh(name: str) -> Path:
    folder = (BUILD / name).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


if __name__ == "__main__":
    main()
