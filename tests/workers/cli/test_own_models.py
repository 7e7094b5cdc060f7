"""A platform's own model, under a name of its own, is a signal like those of the shipped ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from models.char_grams import CharGrams
from models.registry import SHIPPED, Registry
from workers.cli import command

POLICY = """\
version: "1"
rules:
  - name: tickets
    when: tickets >= 0.5 AND marketing < 0.99
    verdict: block
    category: tickets
    reason: Sells tickets
    examples:
      - {verdict: block, post: {text: tickets for sale}}
      - {verdict: allow, post: {text: what a fine day}}
"""
SOLD, SAID = ["tickets for sale", "sale of tickets", "tickets tickets"], ["what a fine day", "good day", "see you"]


def add(folder: Path, name: str) -> None:
    pipeline = make_pipeline(CharGrams(bits=10), LogisticRegression(C=50)).fit([*SOLD, *SAID], [1] * 3 + [0] * 3)
    Registry(folder).add(name, pipeline, "text", "2026-01-02")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, list(map(str, arguments)))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = shutil.copytree(SHIPPED, tmp_path / "models")
    add(folder, "tickets")
    return folder


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY)
    return file


def test_a_rule_may_name_it(models: Path, policy: Path) -> None:
    scored = run("score", "--text", SOLD[0], "--policy", policy, "--models", models)
    assert scored.exit_code == 0, scored.output
    told = json.loads(scored.stdout)
    assert (told["verdict"], told["rules"]) == ("block", ["tickets"])
    assert set(told["scores"]) == {"abuse", "marketing", "solicitation", "tickets"}


def test_checks_examples_and_signals_know_it_where_the_folder_is_named(models: Path, policy: Path) -> None:
    assert run("policy", "check", policy, "--models", models).exit_code == 0
    assert "2 of 2 examples" in run("policy", "test", policy, "--models", models).output
    listed = json.loads(run("signals", "--policy", policy, "--models", models, "--json").stdout)
    assert {signal["name"]: signal["family"] for signal in listed}["tickets"] == "text"


def test_without_the_folder_the_signal_is_unknown(policy: Path) -> None:
    checked = run("policy", "check", policy)
    assert checked.exit_code == 1
    assert "unknown signal 'tickets'" in checked.output


def test_a_model_named_like_another_signal_is_refused_before_it_is_trained_and_when_it_is_served(
    tmp_path: Path, models: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "a", "label": "normal"}\n')
    trained = run("models", "train", "--task", "link_count", "--data", rows, "--out", models)
    assert (trained.exit_code, "link_count" in trained.output) == (1, True)
    add(models, "link_count")
    scored = run("score", "--text", "a", "--models", models)
    assert scored.exit_code == 1
    assert "a model may not be named like another signal: link_count" in scored.output
