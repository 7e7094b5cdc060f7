"""`sluicegate tail`: decisions as they come."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from topics.decision import Decision, Verdict
from workers.cli.options import kafka_option
from workers.cli.reading import reading
from workers.cli.times import TimeType

if TYPE_CHECKING:
    from rich.console import Console

INTERRUPTED = 130


@click.command()
@click.argument("verdicts", nargs=-1, type=click.Choice(get_args(Verdict)), metavar="[allow|flag|block]...")
@click.option("--category", multiple=True, help="Only where a rule of this category fired; may be repeated.")
@click.option("--rule", multiple=True, help="Only where this rule fired; may be repeated.")
@click.option("--post", "posts", multiple=True, metavar="ID", help="Only on this post; may be repeated.")
@click.option("--author", "authors", multiple=True, metavar="ID", help="Only on this account's posts; may be repeated.")
@click.option("--since", type=TimeType(), help="Begin then: 90m, 1h, 2d, or a date (UTC). [default: now]")
@click.option("--until-now", is_flag=True, help="End at what is there now; begins at the oldest without --since.")
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after N decisions.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON Lines on a terminal too.")
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.svg",
    help="Save what a terminal would show as a picture, at the end.",
)
@kafka_option
def command(
    verdicts: tuple[Verdict, ...],
    category: tuple[str, ...],
    rule: tuple[str, ...],
    posts: tuple[str, ...],
    authors: tuple[str, ...],
    since: datetime | None,
    until_now: bool,
    count: int | None,
    as_json: bool,
    picture: Path | None,
    kafka: str | None,
) -> None:
    """Print decisions as they come, of the verdicts named or of all. Ctrl-C ends it.

    On a terminal each has its rule and reason, the account, scores, counters and what else its rules read, and the text
    with the pieces marked that weighed most. Elsewhere it is JSON Lines: the decision as it stands on its topic, with
    `decided_at` in epoch milliseconds.

    Nothing is committed, so tailing takes nothing away from other readers. TLS and SASL are set by the same
    SLUICEGATE_KAFKA_* variables as a worker's.
    """
    from rich.console import Console

    from workers.terminal.pictures import recording, save

    now = datetime.now(UTC)
    show = _print_json if as_json or not sys.stdout.isatty() else _printer(Console(highlight=False))
    console = recording() if picture else None
    asked = {"category": category, "rule": rule, "post": posts, "author": authors}
    filters = {name: names for name, names in asked.items() if names}
    begin = since or (None if until_now else now)
    try:
        with reading(kafka, verdicts, since=begin, until=now if until_now else None, **filters) as decisions:
            for decision in itertools.islice(decisions, count):
                assert decisions.latest
                show(decision, decisions.latest.timestamp)
                if console:
                    _printer(console)(decision, decisions.latest.timestamp)
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    finally:
        if console and picture:
            save(console, "sluicegate tail", picture)
    if not decisions.latest:
        # Of a misspelt rule or id there is none either, so what was asked for is said again.
        told = ", ".join(f"--{name} {value}" for name, values in filters.items() for value in values)
        click.echo("no decision found" + (f" with {told}" if told else ""), err=True)


def _print_json(decision: Decision, timestamp: int) -> None:
    from msgspec import to_builtins

    # In ASCII: nothing in a post can steer a terminal.
    click.echo(json.dumps({**to_builtins(decision), "decided_at": timestamp}))


def _printer(console: Console) -> Callable[[Decision, int], Any]:
    from workers.cli.verdicts import described

    return lambda decision, timestamp: console.print(described(decision, timestamp))
