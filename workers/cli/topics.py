"""`sluicegate topics`: create and check the topics on a Kafka cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from workers.cli.options import kafka_option

if TYPE_CHECKING:
    from topics.admin import TopicAdmin, TopicState
    from topics.catalog import Topic

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")


@click.group()
def command() -> None:
    """Create and check the topics on a Kafka cluster. Never deletes or alters any.

    TLS and SASL are set by the same SLUICEGATE_KAFKA_* variables as a worker's.
    """


@command.command()
@kafka_option
@json_option
@click.option(
    "--partitions",
    type=click.IntRange(1, 10_000),
    help="How many partitions `posts` and its outputs have. [default: the declared number]",
)
@click.option(
    "--replication",
    type=click.IntRange(1, 100),
    help="Copies of each partition. [default: the cluster's own default]",
)
def create(kafka: str | None, partitions: int | None, replication: int | None, as_json: bool) -> None:
    """Create the topics that are missing. The others are left as they are."""
    with _admin(kafka) as admin:
        created = admin.create(partitions, replication or -1)
    if as_json:
        click.echo(json.dumps({"created": created}))
        return
    for name in created:
        click.echo(f"created {name}")
    if not created:
        click.echo("every topic exists")


@command.command()
@kafka_option
@json_option
@click.option(
    "--partitions",
    type=click.IntRange(1, 10_000),
    help="How many partitions `posts` should have at least. [default: the declared number]",
)
@click.pass_context
def check(context: click.Context, kafka: str | None, partitions: int | None, as_json: bool) -> None:
    """Report what differs from the declared topics. Exit code 1 if anything does."""
    with _admin(kafka) as admin:
        found = admin.check(partitions)
    if as_json:
        click.echo(json.dumps({"differences": found.differences, "unknown": found.unknown}))
    else:
        for line in found.differences:
            click.echo(f"differs: {line}")
        for line in found.unknown:
            click.echo(f"unknown: {line}")
        if not found.differences:
            click.echo("nothing differs from what is declared")
    context.exit(1 if found.differences else 0)


@command.command()
@kafka_option
@json_option
def describe(kafka: str | None, as_json: bool) -> None:
    """Show each topic: what it carries, and how the cluster has it."""
    from topics.catalog import TOPICS

    with _admin(kafka) as admin:
        present = admin.describe()
    if as_json:
        click.echo(json.dumps({"topics": [_as_json(topic, present.get(topic.name)) for topic in TOPICS]}))
        return
    for topic in TOPICS:
        state = present.get(topic.name)
        click.secho(topic.name, bold=True)
        click.echo(f"  {topic.description}")
        click.echo(f"  message {topic.message.__name__}, key: {topic.key}")
        if state is None:
            click.echo("  missing: `sluicegate topics create` creates it")
            continue
        click.echo(f"  {state.partitions} partitions, replication factor {state.replication}")
        for key, declared in topic.configs.items():
            click.echo(f"  {key}={state.configs.get(key, f'not reported (declared: {declared})')}")


def _as_json(topic: Topic, state: TopicState | None) -> dict[str, Any]:
    return {
        "name": topic.name,
        "description": topic.description,
        "message": topic.message.__name__,
        "key": topic.key,
        "exists": state is not None,
        "partitions": state.partitions if state else None,
        "replication": state.replication if state else None,
        "configs": state.configs if state else {},
        "declared": {"partitions": topic.partitions, "configs": topic.configs},
    }


@contextmanager
def _admin(kafka: str | None) -> Iterator[TopicAdmin]:
    """A connection by the options and the environment; its errors become one line."""
    from topics.admin import AdminError, TopicAdmin
    from workers.connection import security_arguments
    from workers.settings import SettingsError, load_settings

    try:
        settings = load_settings()
        with TopicAdmin(kafka or settings.kafka, security_arguments(settings)) as admin:
            yield admin
    except (AdminError, SettingsError) as error:
        raise click.ClickException(str(error)) from error
