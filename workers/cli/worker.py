"""`sluicegate worker`: Faust's worker with our settings as options."""

from __future__ import annotations

import os
import sys
from typing import Any, Literal, get_args, get_origin

import click

from workers.settings import PREFIX, SECRET_FILES, Settings

# Those that people set by hand while they try things out; the rest are for deployments.
OPTIONS = (
    "kafka",
    "redis",
    "group",
    "policy",
    "models",
    "batch_posts",
    "metrics_port",
    "web_port",
    "host",
    "log_level",
)


def faust_level(level: str) -> str:
    """The name that Faust's command has for a level."""
    return "warn" if level == "warning" else level


def _print_settings(context: click.Context, _: click.Parameter, chosen: bool) -> None:
    if not chosen:
        return
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f" [{field.default}]"
        choices = f"; one of {', '.join(get_args(field.annotation))}" if get_origin(field.annotation) is Literal else ""
        click.echo(f"{PREFIX}{name.upper():20} {field.description}{choices}{default}")
    for name in SECRET_FILES:
        click.echo(f"{PREFIX}{name + '_FILE':20} path of a file that holds {PREFIX}{name}")
    context.exit()


@click.command()
@click.option("--settings", is_flag=True, is_eager=True, expose_value=False, callback=_print_settings,
              help="List every variable with its meaning and default, and exit.")  # fmt: skip
def command(**chosen: Any) -> None:
    """Consume `posts`, publish to `posts.allow`, `posts.flag`, `posts.block` and `posts.dead`.

    Every option is also a variable (--batch-posts is SLUICEGATE_BATCH_POSTS), and there are more of those: security
    of Kafka and Redis, timeouts, sizes. Stop it with Ctrl-C or SIGTERM: the batch under way ends.
    """
    for name, value in chosen.items():
        if value is not None:
            os.environ[f"{PREFIX}{name.upper()}"] = value
    from workers.app import app, settings
    from workers.places import need_places

    # Here, for Faust's own command may have another port for the web page, or none.
    need_places(settings, "METRICS_PORT", "WEB_PORT")
    # Off a terminal every line is JSON, so Faust's banner stays away.
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    level = faust_level(settings.log_level)
    sys.argv = ["sluicegate", *quiet, "worker", "--web-port", str(settings.web_port), "--loglevel", level]
    app.main()


for _name in OPTIONS:
    _help = Settings.model_fields[_name].description or ""
    _help = _help[:1].upper() + _help[1:] + "."
    command = click.option(f"--{_name.replace('_', '-')}", metavar="VALUE", help=_help)(command)
