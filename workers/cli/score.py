"""`sluicegate score`: verdicts and scores without a broker."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workers.cli.options import models_option, policy_option

if TYPE_CHECKING:
    from workers.score import Scored


@click.command()
@click.argument("file", required=False, type=click.File("rb"))
@click.option("--text", metavar="TEXT", help="Score this text instead of a file.")
@click.option("--name", metavar="NAME", default="", help="Name of its author, with --text.")
@click.option("--explain", is_flag=True, help="Say which characters weighed most.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON Lines on a terminal too.")
@policy_option
@models_option
def command(
    file: Iterable[bytes] | None,
    text: str | None,
    name: str,
    explain: bool,
    as_json: bool,
    policy: Path | None,
    models: Path | None,
) -> None:
    """Score posts in FILE (`-` for standard input), a JSON object a line; only `text` is required.

    For each line there is one line out, in order: id, verdict, rules and scores. Counters are in memory and see the
    lines in order, by their `created_at`. A line that cannot be read gets an `error`, and the exit status is then 1.
    """
    from models.registry import RegistryError
    from workers.assembly import offline_judge
    from workers.judge import AssemblyError
    from workers.policy import PolicyError
    from workers.score import score_lines

    if (file is None) == (text is None):
        raise click.UsageError("give either a FILE (`-` for standard input) or --text")
    lines = file or [json.dumps({"text": text, "author": {"name": name}}).encode()]
    try:
        judge = offline_judge(policy, models)
    except (PolicyError, RegistryError, AssemblyError) as error:
        raise click.ClickException(str(error)) from None
    pretty = sys.stdout.isatty() and not as_json
    outcomes = score_lines(judge, lines, explain=explain or pretty)
    wrong = asyncio.run(_print_pretty(outcomes) if pretty else _print_json(outcomes))
    if wrong:
        click.echo(f"sluicegate: {wrong} lines could not be read", err=True)
        raise SystemExit(1)


async def _print_json(outcomes: AsyncIterator[Scored]) -> int:
    import msgspec

    encoder = msgspec.json.Encoder()
    wrong = 0
    async for outcome in outcomes:
        wrong += isinstance(outcome.error, str)
        outcome.post = msgspec.UNSET
        sys.stdout.buffer.write(encoder.encode(outcome) + b"\n")
    return wrong


async def _print_pretty(outcomes: AsyncIterator[Scored]) -> int:
    import msgspec
    from rich.console import Console
    from rich.text import Text

    from workers.terminal.marking import STYLES, marked

    console = Console(highlight=False)
    wrong = 0
    async for outcome in outcomes:
        if isinstance(outcome.error, str):
            wrong += 1
            console.print(Text(outcome.error, "magenta"))
            continue
        assert outcome.verdict
        assert outcome.post is not msgspec.UNSET
        assert outcome.spans is not msgspec.UNSET
        scores = "  ".join(f"{model} {score:.2f}" for model, score in outcome.scores.items())
        console.print(
            Text.assemble((f"{outcome.verdict:5}", STYLES[outcome.verdict]), f"  {scores}  ", ", ".join(outcome.rules))
        )
        name = marked(outcome.post.author.name, outcome.spans, "name")
        console.print(Text("       ").append_text(name).append(": " if len(name) else ""), end="")
        console.print(marked(outcome.post.text, outcome.spans))
    return wrong
