from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from models.registry import Registry
from workers.cli.models import command

POSTS = [("买一送一，加微信领取优惠券", "ad"), ("今天下班去打球吗", "normal")]


@pytest.fixture(scope="module")
def posts_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("posts") / "posts.jsonl"
    path.write_text(
        "".join(
            json.dumps({"text": f"{text} {number}", "label": label}) + "\n"
            for number in range(80)
            for text, label in POSTS
        )
    )
    return path


@pytest.fixture(scope="module")
def own(posts_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("own")
    assert run("train", "--task", "ads", "--data", posts_file, "--out", out).exit_code == 0
    return out


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_list_shows_what_ships() -> None:
    result = run("list", "--json")
    rows = json.loads(result.stdout)
    assert {row["name"] for row in rows if row["served"]} == {"abuse", "marketing", "solicitation"}
    plain = run("list").stdout
    assert all(row["version"] in plain for row in rows)


def test_training_tells_how_far_it_is(posts_file: Path, tmp_path: Path) -> None:
    result = run("train", "--task", "ads", "--data", posts_file, "--out", tmp_path)
    assert result.stdout == ""
    assert "learning from 160 posts, 80 positive" in result.stderr


def test_training_tells_the_labels_that_it_takes_for_positive(posts_file: Path, tmp_path: Path) -> None:
    told = run("train", "--task", "ads", "--data", posts_file, "--out", tmp_path).stderr
    assert "labels: 'ad' 80, 'normal' 80; all but 'normal' are positive" in told


def test_training_and_evaluation_tell_a_misspelt_field(own: Path, tmp_path: Path) -> None:
    file = tmp_path / "posts.jsonl"
    rows = [
        {"text": f"{text} {number}", "label": label, "nickname": "Mei"} for number in range(80) for text, label in POSTS
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    trained = run("train", "--task", "ads", "--data", file, "--out", tmp_path / "out")
    evaluated = run("evaluate", file, "--model", own, "--json")
    for told in (trained, evaluated):
        assert "fields that are not read: 'nickname'" in told.stderr
    assert json.loads(evaluated.stdout)


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [("--task", "../x", "bad model name"), ("--task", "", "bad model name"), ("--out", "{file}/x", "cannot be made")],
)
def test_what_cannot_be_written_is_told_before_training(
    posts_file: Path, tmp_path: Path, option: str, value: str, told: str
) -> None:
    chosen = {"--task": "ads", "--out": tmp_path} | {option: value.format(file=posts_file)}
    result = run("train", "--data", posts_file, *(part for pair in chosen.items() for part in pair))
    assert result.exit_code == 1
    assert told in result.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_a_date_that_is_none_is_refused(posts_file: Path, tmp_path: Path) -> None:
    result = run("train", "--task", "ads", "--data", posts_file, "--out", tmp_path, "--date", "tomorrow")
    assert result.exit_code == 2
    assert "tomorrow" in result.stderr


def test_evaluate_scores_a_model_of_ones_own(posts_file: Path, own: Path) -> None:
    result = run("evaluate", posts_file, "--model", own, "--json")
    assert json.loads(result.stdout)["accuracy"] == 1


def test_evaluate_gives_the_bare_figures_of_one_model(posts_file: Path) -> None:
    found = json.loads(run("evaluate", posts_file, "--model", "marketing", "--json").stdout)
    assert " ".join(found) == (
        "accuracy precision recall f1 macro_f1 auc average_precision ece recall_at_precision_95 recall_at_precision_98"
    )
    assert json.loads(run("evaluate", posts_file, "--json").stdout)["marketing"] == found


def test_evaluate_shows_a_table_of_a_shipped_model(posts_file: Path) -> None:
    result = run("evaluate", posts_file, "--model", "marketing")
    assert "posts.jsonl: 160 posts, 80 positive" in result.stdout
    assert "average_precision" in result.stdout
    assert "abuse" not in result.stdout


def test_evaluate_without_positives_gives_null_for_rankings(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text('{"text": "好", "label": "normal"}\n')
    found = json.loads(run("evaluate", path, "--json").stdout)
    assert found["abuse"]["auc"] is None
    assert found["abuse"]["accuracy"] == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["evaluate", "nowhere.jsonl"], "cannot read nowhere.jsonl"),
        (["train", "--data", "nowhere"], "cannot read nowhere/davidson-train.jsonl"),
        (["train", "--data", "nowhere", "--model", "politics"], "no recipe for politics"),
        (["train", "--data", "nowhere", "--task", "ads"], "needs --out"),
        (["list", "--registry", "nowhere"], "no models in nowhere"),
        (["use", "abuse", "nothing"], "no model abuse nothing"),
        (["remove", "abuse", "nothing"], "no model abuse nothing"),
    ],
)
def test_a_mistake_is_one_clear_line(arguments: list[str], complaint: str, tmp_path: Path) -> None:
    extra = ["--out", tmp_path] if arguments[0] == "train" and "--task" not in arguments else []
    result = run(*arguments, *extra)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert complaint in result.stderr


def test_an_unknown_model_is_named_beside_those_there_are(posts_file: Path) -> None:
    result = run("evaluate", posts_file, "--model", "none")
    assert "no model and no folder none; shipped are abuse, marketing, solicitation" in result.stderr


def test_an_empty_file_holds_no_posts(tmp_path: Path) -> None:
    (tmp_path / "posts.jsonl").touch()
    assert "holds no posts" in run("evaluate", tmp_path / "posts.jsonl").stderr


def test_a_version_is_chosen_and_removed(posts_file: Path, tmp_path: Path) -> None:
    for seed in (1, 2):
        assert run("train", "--task", "ads", "--data", posts_file, "--out", tmp_path, "--seed", seed).exit_code == 0
    first, second = (entry.version for entry in Registry(tmp_path).manifest.models)
    served = Registry(tmp_path).entry("ads").version
    other = first if served == second else second
    assert run("use", "ads", other, "--registry", tmp_path).exit_code == 0
    assert run("remove", "ads", served, "--registry", tmp_path).exit_code == 0
    assert [entry.version for entry in Registry(tmp_path).manifest.models] == [other]
