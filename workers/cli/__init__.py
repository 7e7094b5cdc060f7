"""The command `sluicegate`: one module a command, loaded when it is asked for, so that `--help` is quick."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

COMMANDS = {
    "run": "The main job, live: posts in, verdicts out, on embedded or real services.",
    "worker": "Run a worker: consume posts, publish verdicts.",
    "score": "Score posts without a broker: JSON Lines in, verdicts out.",
    "simulate": "Print a simulated stream of posts as JSON Lines.",
    "signals": "List the signals that a policy may use.",
    "policy": "Check, test and start policies.",
    "models": "List, train and evaluate models.",
    "topics": "Create, check and describe the topics.",
    "campaigns": "List the campaigns that are live.",
    "dead": "List, show and replay dead letters.",
    "plan": "Say what so many posts a second need.",
    "tail": "Print decisions as they come.",
    "export": "Write decisions as Parquet files.",
}


class LazyGroup(click.Group):
    """A group that imports a command's module only to run it or to tell its help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"workers.cli.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            # The reader has gone (`sluicegate tail | head`): nothing is wrong, and nothing more can be said.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(0) from None
        except OSError as error:
            # A full disk, a folder that may not be written: where commands know more, they say it themselves.
            where = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(f"{where}{error.strerror or error}") from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sluicegate", prog_name="sluicegate")
def command() -> None:
    """Sluicegate decides on posts as they flow through Kafka: allow, flag or block, and says why."""


def main() -> None:
    """Entry point."""
    command(prog_name="sluicegate")
