"""`sluicegate models`: what the registry holds, training, evaluation."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workers.cli.options import registry_option
from workers.cli.reference import reference

if TYPE_CHECKING:
    from models.scorer import Scorer

PATH = click.Path(path_type=Path)


@click.group()
def command() -> None:
    """Models: list, train, evaluate; choose the version that is served."""


command.add_command(reference)


@command.command("list")
@registry_option
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
def list_models(registry: Path | None, as_json: bool) -> None:
    """What the registry holds. A star marks the version that is served."""
    import msgspec

    from models.registry import SHIPPED, Registry, RegistryError

    try:
        manifest = Registry(registry or SHIPPED).manifest
    except RegistryError as error:
        raise click.ClickException(str(error)) from None
    rows = [
        {**msgspec.to_builtins(entry), "served": manifest.current.get(entry.name) == entry.version}
        for entry in manifest.models
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        served = "*" if row["served"] else " "
        click.echo(
            f"{served} {row['name']:<14} {row['version']:<10} reads {row['input']:<10} "
            f"trained {row['trained']}  scikit-learn {row['sklearn']}  sha256 {row['sha256'][:12]}"
        )


@command.command()
@click.option("--data", type=PATH, required=True, help="Folder of the published sets; with --task a JSON Lines file.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Registry to write to. The shipped one if not given; needed with --task.",
)
@click.option("--model", "names", multiple=True, help="Train only this shipped model; may be given again.")
@click.option(
    "--task",
    help="Name of a model of your own, learned from --data FILE (rows: text, label, nick); rules may name it.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="Same posts and seed: same model, byte for byte.",
)
@click.option(
    "--date",
    "trained",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Date to write into manifest and card, YYYY-MM-DD. Today if not given.",
)
@click.option("--ablation", is_flag=True, help="Measure for the card what each part of the recipe is worth (slow).")
def train(
    data: Path,
    out: Path | None,
    names: tuple[str, ...],
    task: str | None,
    seed: int,
    trained: datetime | None,
    ablation: bool,
) -> None:
    """Train, calibrate, and write model and card.

    Without --task the shipped models are trained anew from the sets in the folder --data. With --task, one model
    is trained from your own file: any label but `normal` is positive, `nick` is the author's name if you have it.
    """
    from models.registry import SHIPPED, RegistryError
    from models.training.recipes import RECIPES
    from models.training.run import Order, train_own, train_shipped
    from workers.signals import schema
    from workers.signals.text import MODELS

    day = (trained or datetime.now(UTC)).date().isoformat()
    unknown = sorted(set(names) - set(RECIPES))
    if unknown:
        raise click.ClickException(f"no recipe for {', '.join(unknown)}; there are {', '.join(RECIPES)}")
    if task is not None and (out is None or names):
        raise click.ClickException("--task needs --out DIR for the model, and goes without --model")
    if task in schema() and task not in MODELS:
        raise click.ClickException(f"--task {task}: another signal has this name; choose one that no rule knows yet")

    def say(line: str) -> None:
        click.echo(line, err=True)

    try:
        if task is not None and out:
            train_own(Order(task, out, seed, day, say, ablation), data)
            return
        for name in names or RECIPES:
            train_shipped(Order(name, out or SHIPPED, seed, day, say, ablation), data)
    except (ValueError, RegistryError) as error:
        raise click.ClickException(str(error)) from None


@command.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--model", help="A served model's name, or a registry folder. All shipped models if not given.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: the figures, or model -> figures of several.")
def evaluate(file: Path, model: str | None, as_json: bool) -> None:
    """Tell how well models do on a file of labelled posts. FILE: JSON Lines with text, label, perhaps nick.

    Any label but `normal` is positive.
    """
    from models.evaluation import figures
    from models.registry import RegistryError
    from models.training.run import score_posts, truth
    from models.training.sources import PostsError, read_posts

    try:
        posts = read_posts(file, lambda line: click.echo(line, err=True))
        scorer, names = chosen(model)
    except (PostsError, RegistryError) as error:
        raise click.ClickException(str(error)) from None
    if not posts:
        raise click.ClickException(f"{file} holds no posts")
    positive, scores = truth(posts), score_posts(scorer, posts)
    found = {name: figures(positive, scores[:, scorer.names.index(name)]) for name in names}
    if as_json:
        clean = {name: {key: known(value) for key, value in of.items()} for name, of in found.items()}
        click.echo(json.dumps(clean if len(clean) > 1 else clean[names[0]]))
        return
    show(found, f"{file.name}: {len(posts):,} posts, {int(positive.sum()):,} positive")


def chosen(model: str | None) -> tuple[Scorer, tuple[str, ...]]:
    """The scorer that `--model` means, and which of its models to report."""
    from models.registry import RegistryError
    from models.scorer import Scorer

    if model and Path(model).is_dir():
        scorer = Scorer.load(Path(model))
        return scorer, scorer.names
    scorer = Scorer.load()
    if model and model not in scorer.names:
        raise RegistryError(f"no model and no folder {model}; shipped are {', '.join(scorer.names)}")
    return scorer, (model,) if model else scorer.names


def known(value: float) -> float | None:
    """A figure for JSON, which has no NaN."""
    return None if math.isnan(value) else round(value, 6)


def show(found: dict[str, dict[str, float]], title: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title)
    table.add_column("figure")
    for name in found:
        table.add_column(name, justify="right")
    for figure in next(iter(found.values())):
        table.add_row(figure, *("-" if math.isnan(of[figure]) else f"{of[figure]:.4f}" for of in found.values()))
    Console(markup=False).print(table)


@command.command()
@click.argument("name")
@click.argument("version")
@registry_option
def use(name: str, version: str, registry: Path | None) -> None:
    """Serve this version of a model. Workers read it when they start."""
    from models.registry import SHIPPED, Registry, RegistryError

    try:
        Registry(registry or SHIPPED).use(name, version)
    except RegistryError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{name} {version} is served")


@command.command()
@click.argument("name")
@click.argument("version")
@registry_option
def remove(name: str, version: str, registry: Path | None) -> None:
    """Delete a version that is not served."""
    from models.registry import SHIPPED, Registry, RegistryError

    try:
        Registry(registry or SHIPPED).remove(name, version)
    except RegistryError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{name} {version} is gone")
