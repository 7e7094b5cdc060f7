"""`sluicegate campaigns`: what is being pushed by many accounts now."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from workers.cli.options import kafka_option
from workers.cli.times import TimeType

if TYPE_CHECKING:
    from topics.campaign import Campaign

PATIENCE_SECONDS = 30.0
LIVE = timedelta(days=1)


@click.command()
@click.option("--since", type=TimeType(), help="Those that grew then or later: 90m, 2d, or a date (UTC). [default: 1d]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON Lines on a terminal too.")
@kafka_option
def command(since: datetime | None, as_json: bool, kafka: str | None) -> None:
    """List the campaigns that grew lately, the largest first: the same text, changed a little, from many accounts.

    On a terminal it is a table, elsewhere JSON Lines: the records of posts.campaigns as they stand. A campaign is told
    again when it has doubled, so it may have up to twice the posts that are said here.
    """
    from topics.client import ClientError
    from workers.settings import SettingsError

    try:
        campaigns = live(kafka, since or datetime.now(UTC) - LIVE)
    except (ClientError, SettingsError) as error:
        raise click.ClickException(str(error)) from error
    if not campaigns:
        click.echo("no campaign grew lately: --since 7d looks further back", err=True)
    elif as_json or not sys.stdout.isatty():
        from msgspec import to_builtins

        for campaign in campaigns:
            # In ASCII: nothing in a post can steer a terminal.
            click.echo(json.dumps(to_builtins(campaign)))
    else:
        print_table(campaigns)


def live(kafka: str | None, since: datetime) -> list[Campaign]:
    """The campaigns that grew at `since` or later as their last records tell, the one of most accounts first.

    Raises:
        ClientError, SettingsError: the topic cannot be read, or the environment's settings are wrong.
    """
    from topics.campaign import decode
    from topics.catalog import CAMPAIGNS
    from topics.client.log import Bounds, Log
    from workers.connection import security_arguments
    from workers.settings import load_settings

    # Told by the reader, once it matters; the library tells each attempt to connect.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    settings = load_settings()
    found: dict[str, Campaign] = {}
    now = int(datetime.now(UTC).timestamp() * 1_000) + 1
    arguments = security_arguments(settings)
    log = Log(
        kafka or settings.kafka,
        [CAMPAIGNS.name],
        None,
        Bounds(None, now),
        lambda _: None,
        PATIENCE_SECONDS,
        arguments,
    )
    try:
        while (polled := log.poll()) is not None:
            for record in (record for records in polled.values() for record in records):
                try:
                    campaign = decode(record.value or b"")
                except ValueError as error:
                    place = f"{record.topic} {record.partition}:{record.offset}"
                    click.echo(f"sluicegate: {place} is no campaign: {error}", err=True)
                    continue
                # Workers of different partitions write, so a smaller record may come after a larger one.
                if campaign.id not in found or found[campaign.id].posts <= campaign.posts:
                    found[campaign.id] = campaign
    finally:
        log.close()
    begin = since.timestamp() * 1_000
    lately = [campaign for campaign in found.values() if campaign.grew_at >= begin]
    return sorted(lately, key=lambda campaign: (-campaign.accounts, -campaign.posts, campaign.id))


def print_table(campaigns: Sequence[Campaign]) -> None:
    from rich.console import Console
    from rich.table import Table

    from workers.terminal.marking import visible

    table = Table(box=None, header_style="bold", expand=True)
    # Ids and dates stay whole on a terminal of 80 columns: decisions are looked up by the one, `--since` by the other.
    for column in ("campaign", "first seen,\ngrew"):
        table.add_column(column, no_wrap=True)
    for column in ("accounts", "posts", "agencies"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("a text, and links", ratio=1, overflow="fold")
    for campaign in campaigns:
        sample = visible(campaign.samples[0] if campaign.samples else "")
        links = ", ".join(map(visible, campaign.links))
        table.add_row(
            campaign.id,
            f"{_date(campaign.first_seen)}\n{_date(campaign.grew_at)}",
            *(f"{count:,}" for count in (campaign.accounts, campaign.posts, campaign.agencies)),
            f"{sample}\n{links}".strip(),
        )
    Console(markup=False, highlight=False).print(table)


def _date(time: int) -> str:
    return datetime.fromtimestamp(time / 1_000, UTC).strftime("%m-%d %H:%M")
