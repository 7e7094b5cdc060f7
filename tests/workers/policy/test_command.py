"""`sluicegate policy` as people call it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from workers.cli.policy import command
from workers.policy import DEFAULT

WRONG = 'version: "1"\nrules:\n  - {name: a, when: abuze > 0.99, verdict: flag, category: c, reason: r}\n'


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_check_tells_what_a_policy_holds() -> None:
    told = run("check", str(DEFAULT))
    assert told.exit_code == 0
    assert "rule    block solicitation-new-account" in told.output
    assert "counter author_posts_1m: count posts by author in 60 s" in told.output


def test_check_tells_errors_by_file_line_and_nearest_name(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(WRONG)
    told = run("check", str(file))
    assert told.exit_code == 1
    assert f"{file}:3: rule a: unknown signal 'abuze'; did you mean abuse?" in told.output
    assert "Traceback" not in told.output


def test_check_speaks_json(tmp_path: Path) -> None:
    assert json.loads(run("check", "--json").output)["problems"] == []
    file = tmp_path / "policy.yaml"
    file.write_text(WRONG)
    told = run("check", "--json", str(file))
    assert told.exit_code == 1
    assert [problem["line"] for problem in json.loads(told.output)["problems"]] == [3]


def test_the_examples_of_the_shipped_policy_come_out_as_expected() -> None:
    told = run("test")
    assert told.exit_code == 0, told.output


def test_test_names_the_line_of_an_example_that_comes_out_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(
        WRONG.replace("abuze", "abuse").replace("}", ", examples: [{verdict: flag, signals: {abuse: 0.1}}]}")
    )
    told = run("test", str(file))
    assert told.exit_code == 1
    assert f"{file}:3: a: expected flag, got allow" in told.output
    assert "0 of 1 examples" in told.output
    assert json.loads(run("test", "--json", str(file)).output)[0]["verdict"] == "allow"


def test_a_post_of_an_example_with_a_wrong_field_is_told(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(
        WRONG.replace("abuze", "abuse").replace("}", ", examples: [{verdict: flag, post: {text: x, links: 3}}]}")
    )
    for name in ("check", "test"):
        told = run(name, str(file))
        assert told.exit_code == 1
        assert f"{file}:3: rule a: the post of an example: Expected `array`, got `int` - at `$.links`" in told.output


def test_a_field_that_posts_do_not_have_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    post = "{text: x, author: {nam: y}}"
    file.write_text(WRONG.replace("abuze", "abuse").replace("}", f", examples: [{{verdict: flag, post: {post}}}]}}"))
    told = run("check", str(file))
    assert told.exit_code == 1
    assert "unknown field 'nam'; did you mean name?" in told.output


def test_a_folder_in_place_of_its_policy_is_told_so(tmp_path: Path) -> None:
    told = run("check", str(tmp_path))
    assert told.exit_code == 1
    assert f"is a folder; name a file in it, such as {tmp_path / 'policy.yaml'}" in told.output


def test_init_copies_a_policy_that_loads_and_overwrites_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    assert run("init", str(folder)).exit_code == 0
    assert (folder / "policy.yaml").read_bytes() == DEFAULT.read_bytes()
    assert run("check", str(folder / "policy.yaml")).exit_code == 0
    (folder / "policy.yaml").write_text("mine")
    again = run("init", str(folder))
    assert again.exit_code == 1
    assert "is there already" in again.output
    assert (folder / "policy.yaml").read_text() == "mine"


def test_init_on_a_full_disk_names_the_folder_and_leaves_no_half_file(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    init = shlex.join([sys.executable, "-m", "workers", "policy", "init", str(folder)])
    done = subprocess.run(["bash", "-c", f"ulimit -f 4; {init}"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Error: {folder} cannot be written: File too large\n"
    assert [path for path in folder.rglob("*") if path.is_file()] == []
