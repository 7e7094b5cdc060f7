"""Levels of the log as Faust's command names them."""

from __future__ import annotations

from typing import get_args

from faust.cli.base import LOGLEVELS

from workers.cli.worker import faust_level
from workers.settings import Settings


def test_faust_knows_every_level_that_may_be_set() -> None:
    for level in get_args(Settings.model_fields["log_level"].annotation):
        assert faust_level(level).upper() in LOGLEVELS
