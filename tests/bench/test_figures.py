"""What the bench writes down: figures merge, and what must be reached is judged rightly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.figures import FIGURES, Figure, keep_for_planning, save, shown


def test_a_run_of_one_bench_leaves_what_others_measured(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    save(file, "text", {"text.posts_per_second": 401_234.5})
    save(file, "rules", {"rules.evaluations_per_second": 2e7})
    save(file, "text", {"text.posts_per_second": 500_000.0})
    kept = json.loads(file.read_text())
    assert kept["text.posts_per_second"] == 500_000
    assert kept["rules.evaluations_per_second"] == 2e7
    assert set(kept["runs"]) == {"text", "rules"}


def test_every_run_says_where_when_and_on_what_it_was(tmp_path: Path) -> None:
    save(tmp_path / "bench.json", "text", {})
    kept = json.loads((tmp_path / "bench.json").read_text())
    assert kept["machine"]
    assert kept["date"]
    assert kept["must"]["pipeline.ratio_to_idiomatic"] == ">= 50"
    assert {"machine", "date", "commit"} <= kept["runs"]["text"].keys()


@pytest.mark.parametrize(
    ("figure", "value", "reached"),
    [
        (Figure("", least=50), 50, True),
        (Figure("", least=50), 49.9, False),
        (Figure("", most=1.5), 1.5, True),
        (Figure("", most=1.5), 1.51, False),
        (Figure(""), 7, None),
    ],
)
def test_a_bound_itself_is_reached(figure: Figure, value: float, reached: bool | None) -> None:
    assert figure.reached(value) is reached


def test_every_figure_that_must_be_reached_says_what() -> None:
    assert all(figure.what for figure in FIGURES.values())
    assert sum(bool(figure.must) for figure in FIGURES.values()) >= 18


@pytest.mark.parametrize(("value", "text"), [(20_000_000.0, "20,000,000"), (12.345, "12.3"), (0.0123, "0.0123")])
def test_numbers_have_as_many_digits_as_mean_something(value: float, text: str) -> None:
    assert shown(value) == text


def test_figures_to_plan_with_are_not_made_of_what_was_not_measured(tmp_path: Path) -> None:
    save(tmp_path / "bench.json", "text", {"text.posts_per_second": 1.0})
    with pytest.raises(SystemExit, match="pipeline"):
        keep_for_planning(tmp_path / "bench.json")
