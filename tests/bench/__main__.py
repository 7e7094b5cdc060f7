"""`python -m bench [NAME ...]`: what `make bench` starts."""

from __future__ import annotations

import importlib
import os
import time
from pathlib import Path

# One batch at a time is what a worker does, and what is measured; set before anything loads Polars.
os.environ["POLARS_MAX_THREADS"] = "1"

import click

from bench.figures import keep_for_planning, print_table, save
from deploy.processes import ServiceError

BENCHES = ("text", "rules", "terms", "counters", "pipeline", "latency", "growth", "memory", "scale")
ON_REQUEST = ("profile",)
BUILD = Path("build")


@click.command()
@click.option("--keep", is_flag=True, help="Make what was measured the figures that `sluicegate plan` reckons with.")
@click.argument("names", nargs=-1, type=click.Choice(BENCHES + ON_REQUEST), metavar="[NAME]...")
def main(names: tuple[str, ...], keep: bool) -> None:
    """Measure all figures, or those of the benches named; write build/bench.json and print a table.

    `profile` says where the time goes, and runs only when it is named.
    """
    measured: dict[str, float] = {}
    for name in names or BENCHES:
        start = time.monotonic()
        try:
            found = importlib.import_module(f"bench.{name}").run()
        except ServiceError as error:
            raise click.ClickException(str(error)) from None
        click.echo(f"{name}: {time.monotonic() - start:.0f} s", err=True)
        save(BUILD / "bench.json", name, found)
        measured |= found
    print_table(measured)
    if keep:
        keep_for_planning(BUILD / "bench.json")


if __name__ == "__main__":
    main()
