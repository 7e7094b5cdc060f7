"""`sluicegate policy`: check, test and start policies."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workers.cli.options import models_option, served

if TYPE_CHECKING:
    import polars as pl

    from workers.policy import Policy
    from workers.policy.examples import Outcome

FILE = click.argument("file", type=click.Path(path_type=Path), required=False)


@click.group()
def command() -> None:
    """Check, test and start policies. Where FILE is left out, the shipped policy is meant."""


@command.command()
@FILE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@models_option
def check(file: Path | None, as_json: bool, models: Path | None) -> None:
    """Say what a policy holds, or all that is wrong with it. Then the exit status is 1."""
    from workers.campaigns.evidence import WISHES
    from workers.policy import PolicyError

    try:
        policy = _load(file, models)
    except PolicyError as error:
        if not as_json:
            raise _refused(error) from None
        problems = [problem._asdict() for problem in error.problems]
        click.echo(json.dumps({"problems": problems}, ensure_ascii=False, indent=1))
        raise SystemExit(1) from None
    if as_json:
        click.echo(json.dumps(_summary(policy), ensure_ascii=False, indent=1))
        return
    click.echo(f"version {policy.version}, sha256 {policy.digest}")
    for rule in policy.rules:
        click.echo(f"rule    {rule.verdict:5} {rule.name}: {rule.category}, {len(rule.examples)} examples")
    for counter in policy.counters:
        unused = "" if counter.name in policy.signals else ", which no rule names"
        window = f"{counter.window_ms // 1000} s"
        click.echo(f"counter {counter.name}: {counter.kind} {counter.of} by {counter.by} in {window}{unused}")
    for name, terms in policy.terms.items():
        signal = f"terms_{name}"
        unused = "" if signal in policy.signals else ", which no rule names"
        click.echo(f"terms   terms_{name}: {len(terms)}{', which campaigns read' if signal == WISHES else unused}")


@command.command()
@FILE
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, an object an example.")
@models_option
def test(file: Path | None, as_json: bool, models: Path | None) -> None:
    """Decide the examples beside each rule and compare. Exit status 1 when one comes out otherwise.

    Posts are measured with the models, each as if it were the first; counters are null unless the example's
    `signals` give them a value.
    """
    from workers.policy import DEFAULT, PolicyError
    from workers.policy.examples import run_examples

    try:
        outcomes = run_examples(_load(file, models), lambda posts: _measured(file, models, posts))
    except PolicyError as error:
        raise _refused(error) from None
    wrong = [outcome for outcome in outcomes if outcome.problem]
    if as_json:
        click.echo(json.dumps(list(map(_told, outcomes)), ensure_ascii=False, indent=1))
    else:
        for outcome in wrong:
            click.echo(f"{file or DEFAULT}:{outcome.example.line}: {outcome.rule.name}: {outcome.problem}")
        click.echo(f"{len(outcomes) - len(wrong)} of {len(outcomes)} examples came out as expected")
    if wrong:
        raise SystemExit(1)


@command.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
def init(folder: Path) -> None:
    """Copy the shipped policy to DIR, as a start. Its term lists go with it. Nothing is overwritten."""
    from workers.policy import DEFAULT

    source = DEFAULT.parent
    files = sorted(path.relative_to(source) for path in source.rglob("*") if path.suffix in (".yaml", ".txt"))
    for file in files:
        if (folder / file).exists():
            raise click.ClickException(f"{folder / file} is there already; choose another folder")
    copies: list[Path] = []
    try:
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            copies.append(folder / file)
            shutil.copyfile(source / file, folder / file)
    except OSError as error:
        # Half a file would be in the way of the next attempt.
        for copy in copies:
            copy.unlink(missing_ok=True)
        raise click.ClickException(f"{folder} cannot be written: {error.strerror}") from None
    click.echo("\n".join(map(str, copies)))
    click.echo(f"Change it, then: sluicegate policy check {folder / DEFAULT.name}")


def _load(file: Path | None, models: Path | None) -> Policy:
    from workers.policy import DEFAULT, Policy, PolicyError
    from workers.policy.problems import Problem
    from workers.signals import schema

    policy = Policy.load(file or DEFAULT, schema(served(models)))
    problems = [
        Problem(str(file or DEFAULT), example.line, f"rule {rule.name}: the post of an example: {wrong}")
        for rule in policy.rules
        for example in rule.examples
        if example.post is not None and (wrong := _wrong(example.post))
    ]
    if problems:
        raise PolicyError(problems)
    return policy


def _wrong(post: dict[str, Any]) -> str:
    """What is wrong with the post of an example, empty if nothing. A field that is none was meant to be one."""
    import msgspec

    from workers.policy.problems import nearest
    from workers.score import LooseAuthor, LoosePost

    try:
        msgspec.convert(post, LoosePost)
    except msgspec.ValidationError as error:
        return str(error)
    for given, known in ((post, LoosePost), (post.get("author", {}), LooseAuthor)):
        for name in sorted(given.keys() - set(known.__struct_fields__)):
            return f"unknown field {name[:80]!r}{nearest(name, known.__struct_fields__)}"
    return ""


def _measured(file: Path | None, models: Path | None, posts: Sequence[dict[str, Any]]) -> pl.DataFrame:
    from models.registry import RegistryError
    from workers.assembly import offline_judge
    from workers.score import measure_posts

    try:
        return asyncio.run(measure_posts(posts, offline_judge(file, models)))
    except RegistryError as error:
        raise click.ClickException(str(error)) from None


def _refused(error: Exception) -> click.ClickException:
    count = len(str(error).splitlines())
    return click.ClickException(f"{error}\n{count} {'error' if count == 1 else 'errors'}; the policy was not used")


def _summary(policy: Policy) -> dict[str, Any]:
    return {
        "version": policy.version,
        "sha256": policy.digest,
        "rules": [
            {
                "name": rule.name,
                "verdict": rule.verdict,
                "category": rule.category,
                "reason": rule.reason,
                "when": rule.when,
                "signals": rule.signals,
                "examples": len(rule.examples),
            }
            for rule in policy.rules
        ],
        "counters": [
            {
                "name": counter.name,
                "kind": counter.kind,
                "of": counter.of,
                "by": counter.by,
                "window_ms": counter.window_ms,
            }
            for counter in policy.counters
        ],
        "terms": {name: len(terms) for name, terms in policy.terms.items()},
        "problems": [],
    }


def _told(outcome: Outcome) -> dict[str, Any]:
    return {
        "rule": outcome.rule.name,
        "line": outcome.example.line,
        "expected": outcome.example.verdict,
        "verdict": outcome.verdict,
        "fired": outcome.fired,
        "problem": outcome.problem,
    }
