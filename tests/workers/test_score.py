"""Scoring without a broker."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from workers.cli import command


def score(lines: list[object], *arguments: str, status: int = 0) -> list[dict[str, object]]:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    result = CliRunner().invoke(command, ["score", "-", *arguments], input=text)
    assert result.exit_code == status, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_each_line_gets_a_line_in_order_with_verdict_rules_and_scores() -> None:
    lines = [{"id": f"x{number}", "text": f"今天第{number}碗面很好吃"} for number in range(50)]
    outcomes = score([*lines])
    assert [outcome["id"] for outcome in outcomes] == [line["id"] for line in lines]
    for outcome in outcomes:
        assert set(outcome) == {"id", "verdict", "rules", "campaign", "scores"}
        scores = outcome["scores"]
        assert isinstance(scores, dict)
        assert set(scores) == {"abuse", "marketing", "solicitation"}
        assert all(0 <= value <= 1 for value in scores.values())


def test_a_line_without_an_id_takes_its_number_and_unknown_fields_do_no_harm() -> None:
    assert [o["id"] for o in score([{"text": "a"}, {"text": "b", "label": "normal", "id": 7}])] == ["1", "7"]


def test_the_author_s_name_is_scored_with_the_text() -> None:
    plain, named = score([{"text": "晚上好呀"}, {"text": "晚上好呀", "author": {"name": "同城上门服务看主页加微信"}}])
    assert named["scores"]["solicitation"] > plain["scores"]["solicitation"] + 0.3  # type: ignore[index]


def test_a_labelled_row_s_nick_is_its_author_s_name() -> None:
    name = "同城上门服务看主页加微信"
    rows = score([{"text": "晚上好呀", "nick": name}, {"text": "晚上好呀", "nick": "x", "author": {"name": name}}])
    assert (
        rows[0]["scores"] == rows[1]["scores"] == score([{"text": "晚上好呀", "author": {"name": name}}])[0]["scores"]
    )


@pytest.mark.parametrize("line", ["", "{", '{"id": "x"}', '{"text": 5}', '{"text": "\\ud800"}', "[]"])
def test_a_line_that_is_no_post_gets_an_error_and_its_neighbours_their_scores(line: str) -> None:
    outcomes = score([{"text": "a"}, line, {"text": "b"}], status=1)
    assert [outcome["verdict"] is not None for outcome in outcomes] == [True, False, True]
    assert str(outcomes[1]["error"]).startswith("line 2: ")


def test_the_mark_that_windows_puts_before_a_file_is_no_part_of_its_first_line() -> None:
    assert score(['\ufeff{"text": "a"}'])[0]["verdict"] == "allow"


@pytest.mark.parametrize("line", ["", "  "])
def test_an_empty_line_is_told_as_empty(line: str) -> None:
    assert score([{"text": "a"}, line, {"text": "b"}], status=1)[1]["error"] == "line 2: is empty"


def test_a_file_in_utf_16_is_told_in_one_line_as_such() -> None:
    result = CliRunner().invoke(command, ["score", "-"], input='{"text": "a"}\n{"text": "b"}\n'.encode("utf-16"))
    assert (result.exit_code, result.output) == (1, "Error: it is UTF-16; save it as UTF-8\n")


def test_explaining_adds_the_pieces_that_weighed_most() -> None:
    text = "同城可约，上门服务，加微信 vx8899 看照片"
    (outcome,) = score(
        [{"text": text, "author": {"created_at": 1, "name": "小雨"}, "created_at": 86_400_000}], "--explain"
    )
    assert outcome["verdict"] == "block"
    spans = outcome["spans"]
    assert isinstance(spans, list)
    assert spans
    assert all(0 <= span["start"] < span["end"] <= len(text) for span in spans)


def test_a_file_and_a_text_together_are_refused() -> None:
    result = CliRunner().invoke(command, ["score", "-", "--text", "x"])
    assert result.exit_code == 2
    assert "--text" in result.output


def test_counters_see_the_lines_in_order() -> None:
    text = "春季新品上架，手工羊毛围巾全场五折，前一百名下单再送手套，加微信 wool88 领券"
    lines = [
        {"text": text, "author": {"id": f"a{number}", "created_at": 1}, "created_at": 1_000} for number in range(40)
    ]
    outcomes = score([*lines])
    rules = [outcome["rules"] for outcome in outcomes]
    assert not any("campaign" in rule for rule in rules[0])  # type: ignore[attr-defined]
    assert any("campaign" in rule for rule in rules[-1])  # type: ignore[attr-defined]
