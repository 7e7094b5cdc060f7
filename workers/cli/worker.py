"""`sluicegate worker`: Faust's worker with our settings as options."""

from __future__ import annotations

import os
import sys

import click

from workers.settings import PREFIX

OPTIONS = {
    "kafka": "Kafka brokers, host:port, several with commas.",
    "redis": "Redis or Valkey: redis://... or rediss://... for TLS.",
    "group": "Consumer group.",
    "policy": "Policy file; the shipped one without it.",
    "models": "Folder of models; the shipped ones without it.",
    "batch-posts": "Most posts in a batch.",
    "metrics-port": "Port of the Prometheus metrics; 0 for none.",
    "web-port": "Port of Faust's web page.",
    "host": "Address that both ports bind to.",
    "log-level": "debug, info, warning or error.",
}


@click.command()
def command(**chosen: str | None) -> None:
    """Consume `posts`, publish to `posts.allow`, `posts.flag`, `posts.block` and `posts.dead`.

    Every option is also a variable (--batch-posts is SLUICEGATE_BATCH_POSTS), and there are more of those: security
    of Kafka and Redis, timeouts, sizes. README lists them. Stop it with Ctrl-C or SIGTERM: the batch under way ends.
    """
    for name, value in chosen.items():
        if value is not None:
            os.environ[f"{PREFIX}{name.upper()}"] = value
    from workers.app import app, settings

    sys.argv = [
        "sluicegate",
        "worker",
        "--web-port",
        str(settings.web_port),
        "--loglevel",
        settings.log_level,
    ]
    app.main()


for _name, _help in OPTIONS.items():
    command = click.option(f"--{_name}", metavar="VALUE", help=_help)(command)
