"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

kafka_option = click.option(
    "--kafka", metavar="HOST:PORT", help="Brokers, several with commas. [default: $SLUICEGATE_KAFKA]"
)
policy_option = click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Policy to decide by; the shipped one without it.",
)
models_option = click.option(
    "--models",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder of models; the shipped ones without it.",
)
registry_option = click.option(
    "--registry",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of models. The shipped ones if not given.",
)


def served(models: Path | None) -> list[str]:
    """The models of a folder that are served, by name. Those that ship need no naming: every policy knows them.

    Raises ClickException when the folder holds no registry.
    """
    from models.registry import Registry, RegistryError

    try:
        return Registry(models).names() if models else []
    except RegistryError as error:
        raise click.ClickException(str(error)) from None
