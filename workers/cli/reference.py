"""`sluicegate models reference`: measure what the drift of scores is told against."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workers.cli.options import registry_option

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.scorer import Scorer
    from topics.post import Post

CHUNK = 10_000


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@registry_option
@click.option(
    "--of",
    "described",
    metavar="WORDS",
    help="What the posts are, for whoever reads it. The file's name if not given.",
)
def reference(file: Path, registry: Path | None, described: str | None) -> None:
    """Measure what drift of scores is told against. FILE: a day of your own, a JSON post a line.

    `models train` does so with the posts that it holds out. Workers read it when they start.
    """
    from models.drift import LEAST_POSTS, write_reference
    from models.registry import SHIPPED, Registry, RegistryError
    from models.scorer import Scorer

    folder = registry or SHIPPED
    try:
        scorer, known = Scorer.load(folder), Registry(folder)
        scores, skipped = _scores(scorer, file)
        for column, name in enumerate(scorer.names):
            if not write_reference(folder, known.entry(name), described or file.name, scores[:, column]):
                raise click.ClickException(f"{file} has {len(scores):,} posts; at least {LEAST_POSTS:,} are needed")
    except RegistryError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{', '.join(scorer.names)}: drift is told against {len(scores):,} posts ({skipped:,} lines were none)")


def _scores(scorer: Scorer, file: Path) -> tuple[NDArray[Any], int]:
    """float32 (posts, models), and how many lines are no posts."""
    import numpy as np

    from models.folding import fold
    from models.grams import grams
    from models.lines import without_mark
    from workers.score import read_line

    skipped = 0

    def posts(lines: Iterable[bytes]) -> Iterator[Post]:
        nonlocal skipped
        for number, line in enumerate(lines, 1):
            try:
                yield read_line(number, line)
            except (ValueError, RecursionError):
                skipped += 1

    parts = [np.empty((0, len(scorer.names)), np.float32)]
    with file.open("rb") as lines:
        source = posts(without_mark(lines))
        while chunk := list(itertools.islice(source, CHUNK)):
            texts, names = [post.text for post in chunk], [post.author.name for post in chunk]
            parts.append(scorer.score(grams(fold(texts)), grams(fold(names)), texts, names))
    return np.concatenate(parts), skipped
