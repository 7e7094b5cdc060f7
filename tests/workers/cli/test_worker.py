"""`sluicegate worker`: levels of the log as Faust's command names them, and the list of settings."""

from __future__ import annotations

from typing import get_args

from click.testing import CliRunner
from faust.cli.base import LOGLEVELS

from workers.cli.worker import command, faust_level
from workers.settings import PREFIX, SECRET_FILES, Settings


def test_faust_knows_every_level_that_may_be_set() -> None:
    for level in get_args(Settings.model_fields["log_level"].annotation):
        assert faust_level(level).upper() in LOGLEVELS


def test_the_list_of_settings_names_each_variable_as_it_is_written_and_what_it_may_be() -> None:
    told = CliRunner().invoke(command, ["--settings"]).stdout
    lines = {line.split()[0]: line for line in told.splitlines()}
    names = {name.upper() for name in Settings.model_fields} | {f"{name}_FILE" for name in SECRET_FILES}
    assert set(lines) == {PREFIX + name for name in names}
    assert "PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL" in lines["SLUICEGATE_KAFKA_PROTOCOL"]
    assert "or SLUICEGATE_KAFKA_PASSWORD_FILE" in lines["SLUICEGATE_KAFKA_PASSWORD"]
