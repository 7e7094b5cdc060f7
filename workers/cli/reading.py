"""How commands read decisions: connected by the option and the environment, errors in one line."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from topics.client import Decisions, Unreadable
    from topics.decision import Verdict


@contextmanager
def reading(
    kafka: str | None,
    verdicts: Sequence[Verdict],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    **filters: Any,
) -> Iterator[Decisions]:
    """A reader that commits nothing. Records that are no decision are told on standard error."""
    from topics.client import ClientError, Decisions
    from workers.connection import security_arguments
    from workers.settings import SettingsError, load_settings

    # Told by the reader, once it matters; the library tells each attempt to connect.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    try:
        settings = load_settings()
        with Decisions(
            kafka or settings.kafka,
            *verdicts,
            since=since,
            until=until,
            on_unreadable=_tell,
            **filters,
            **security_arguments(settings),
        ) as decisions:
            yield decisions
    except (ClientError, SettingsError) as error:
        raise click.ClickException(str(error)) from error


def _tell(unreadable: Unreadable) -> None:
    from workers.terminal.marking import visible

    click.echo(f"sluicegate: {visible(str(unreadable))}", err=True)
