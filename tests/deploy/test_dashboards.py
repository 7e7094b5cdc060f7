"""The dashboards: fresh, readable, and every panel has something to show."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import yaml

from deploy.grafana.__main__ import files
from deploy.processes import Service
from deploy.prometheus import RULES, ask, installed

RUN = [sys.executable, "-m", "workers", "run", "--prometheus", "--rate", "500"]
PATIENCE_SECONDS = 120.0
VARIABLES = {"$job": "sluicegate", "$instance": ".+", "$__rate_interval": "10s", "$__range": "30s"}


class Shown(NamedTuple):
    """A panel's query."""

    dashboard: str
    panel: str
    expression: str
    present: bool


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in files():
        dashboard = json.loads(path.read_text("utf-8"))
        for panel in dashboard["panels"]:
            if panel["type"] != "row":
                yield dashboard["title"], panel


def queries() -> Iterator[Shown]:
    for dashboard, panel in panels():
        for target in panel["targets"]:
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            assert "$" not in expression
            yield Shown(dashboard, panel["title"], expression, bool(target.get("instant")))


def test_the_dashboards_are_what_the_script_writes() -> None:
    for path, text in files().items():
        assert path.read_text("utf-8") == text, "run: python -m deploy.grafana"


def test_every_panel_says_what_it_shows_in_which_unit() -> None:
    for dashboard, panel in panels():
        where = f"{dashboard} / {panel['title']}"
        assert len(panel["description"]) > 10, where
        assert panel["fieldConfig"]["defaults"]["unit"], where
        assert panel["datasource"]["uid"] == "$datasource", where


def test_panels_have_numbers_and_places_of_their_own() -> None:
    for path in files():
        made = json.loads(path.read_text("utf-8"))["panels"]
        assert len({panel["id"] for panel in made}) == len(made)
        cells = [
            (x, y)
            for panel in made
            for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
            for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
        ]
        assert len(set(cells)) == len(cells)
        assert max(x for x, _ in cells) < 24


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Prometheus that scrapes a worker under load: that of `make run WATCH=1`."""
    if not installed():
        pytest.skip("needs prometheus: apt-get install prometheus")
    folder = tmp_path_factory.mktemp("run")
    run = Service.start("run", RUN, folder, os.environ, signal.SIGINT)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (told := re.search(r"prometheus (http://\S+)[^$]*^ready", run.log.read_text(), re.MULTILINE)):
        assert run.running, run.last_lines()
        assert time.monotonic() < deadline, run.last_lines()
        time.sleep(0.1)
    yield told[1]
    run.stop(30)
    # Shown by pytest when a test fails.
    print(run.last_lines(30))


def has_values(found: list[dict[str, Any]]) -> bool:
    return any(math.isfinite(float(value)) for series in found for _, value in series["values"])


def wait_until_answered(prometheus: str, asked: dict[str, Shown]) -> None:
    """Return when each of `asked` has a value; fails with those that have none when patience ends."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while asked:
        asked = {
            name: shown
            for name, shown in asked.items()
            if not has_values(ask(prometheus, shown.expression, 0 if shown.present else 30))
        }
        assert not asked or time.monotonic() < deadline, "no data for:\n" + "\n".join(
            f"{name}: {shown.expression}" for name, shown in asked.items()
        )
        time.sleep(1)


def test_every_panel_shows_something_of_a_worker_under_load(prometheus: str) -> None:
    asked = {f"{shown.dashboard} / {shown.panel} / {shown.expression}": shown for shown in queries()}
    assert len(asked) > 40
    wait_until_answered(prometheus, asked)


def test_every_recording_rule_has_a_value_under_load(prometheus: str) -> None:
    groups = yaml.safe_load((RULES / "recording.yml").read_text("utf-8"))["groups"]
    names = [rule["record"] for group in groups for rule in group["rules"]]
    wait_until_answered(prometheus, {name: Shown("", "", name, present=True) for name in names})


def test_no_alert_fires_under_an_ordinary_load(prometheus: str) -> None:
    firing = ask(prometheus, 'ALERTS{alertstate="firing"}')
    assert [series["metric"]["alertname"] for series in firing] == []
