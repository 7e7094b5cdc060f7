"""`sluicegate signals`: what a policy's rules may name."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workers.cli.options import models_option, served

if TYPE_CHECKING:
    from workers.policy import Policy
    from workers.signals import Column

COUNTERS = "counters"


@click.command()
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Add the term lists and counters of this policy.",
)
@models_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array of objects.")
def command(policy: Path | None, models: Path | None, as_json: bool) -> None:
    """List the signals that a policy's rules may name, by family: dtype, unit and what each says."""
    families = _families(policy, served(models))
    if as_json:
        click.echo(json.dumps(_objects(families), ensure_ascii=False, indent=1))
    elif sys.stdout.isatty():
        _print_table(families)
    else:
        for signal in _objects(families):
            click.echo("\t".join(signal.values()))


def _families(file: Path | None, models: list[str]) -> dict[str, tuple[Column, ...]]:
    from workers.policy import Policy, PolicyError
    from workers.signals import declared, schema

    if file is None:
        return declared(models=models)
    try:
        policy = Policy.load(file, schema(models))
    except PolicyError as error:
        raise click.ClickException(str(error)) from None
    return {**declared(tuple(policy.terms), models), COUNTERS: _counter_columns(policy)}


def _counter_columns(policy: Policy) -> tuple[Column, ...]:
    import polars as pl

    from workers.signals import Column

    return tuple(
        Column(
            counter.name,
            pl.UInt32(),
            "posts" if counter.kind == "count" else f"{counter.of}s",
            f"of the same {counter.by} in {counter.window_ms // 1000} s; null without one, or without counters",
        )
        for counter in policy.counters
    )


def _objects(families: dict[str, tuple[Column, ...]]) -> list[dict[str, str]]:
    return [
        {
            "family": family,
            "name": column.name,
            "dtype": str(column.dtype),
            "unit": column.unit,
            "description": column.description,
        }
        for family, columns in families.items()
        for column in columns
    ]


def _print_table(families: dict[str, tuple[Column, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("family", "signal", "dtype", "unit", "what it says"):
        table.add_column(heading, overflow="fold")
    for family, columns in families.items():
        for index, column in enumerate(columns):
            table.add_row(
                "" if index else family,
                f"[cyan]{column.name}[/]",
                str(column.dtype),
                column.unit,
                column.description,
                end_section=index == len(columns) - 1,
            )
    Console().print(table)
