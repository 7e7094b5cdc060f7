"""What a policy file must look like, and how it is told when it does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from workers.policy import Policy, PolicyError

Problems = Callable[..., list[tuple[int, str]]]
Load = Callable[..., Policy]

HEAD = 'version: "1"\n'
RULES = "rules:\n  - {name: a, when: abuse > 0.5, verdict: flag, category: abuse, reason: Rude}\n"


def with_counter(counter: str) -> str:
    return f"{HEAD}counters:\n  {counter}\n{RULES}"


def with_rule(**changes: str) -> str:
    fields = {"name": "a", "when": "abuse > 0.5", "verdict": "flag", "category": "abuse", "reason": "Rude"} | changes
    return f"{HEAD}rules:\n  - " + "\n    ".join(f"{key}: {value}" for key, value in fields.items() if value) + "\n"


def test_a_policy_has_version_counters_terms_rules_and_digest(load: Load) -> None:
    policy = load(
        f"{HEAD}terms: {{contact: [加微信, dm me]}}\n"
        "counters: {posts_1m: {count: posts, by: author, window: 1m}}\n"
        "rules:\n  - name: a\n    when: posts_1m > 9 OR terms_contact > 1\n    verdict: block\n"
        "    category: flooding\n    reason: Too many\n"
    )
    assert policy.version == "1"
    assert policy.terms == {"contact": ["加微信", "dm me"]}
    assert [(c.name, c.kind, c.of, c.by, c.window_ms) for c in policy.counters] == [
        ("posts_1m", "count", "posts", "author", 60_000)
    ]
    assert policy.signals == {"posts_1m", "terms_contact"}
    assert [(r.name, r.verdict, r.category, r.reason, r.signals) for r in policy.rules] == [
        ("a", "block", "flooding", "Too many", ("posts_1m", "terms_contact"))
    ]
    assert len(policy.digest) == 64


def test_the_json_of_a_decision_s_post_may_be_pasted_as_an_example(load: Load) -> None:
    post = {
        "id": "p1",
        "text": "看我主页🍑\n",
        "author": {"id": "a1", "name": "小雨𠀋"},
        "created_at": 1_795_560_000_000,
    }
    for ascii_only in (True, False):
        pasted = f"[{{verdict: flag, post: {json.dumps(post, ensure_ascii=ascii_only)}}}]"
        assert load(with_rule(examples=pasted)).rules[0].examples[0].post == post


def test_all_errors_are_told_at_once_in_the_order_of_the_lines(problems: Problems) -> None:
    found = problems(
        "version: 1.2\ncounters:\n  c: {count: posts, by: autor, window: 1m}\n"
        "rules:\n  - name: a\n    when: abuze > 0.5\n    verdict: blok\n    category: abuse\n    reason: Rude\n"
    )
    assert [line for line, _ in found] == [1, 3, 6, 7]
    assert "quote it" in found[0][1]
    assert "did you mean author?" in found[1][1]
    assert "did you mean abuse?" in found[2][1]
    assert "did you mean block?" in found[3][1]


def test_an_error_in_one_entry_hides_none_in_the_next_and_says_whose_it_is(problems: Problems) -> None:
    rest = "when: abuse > 0.5, category: abuse, reason: Rude}\n"
    found = problems(
        f"{HEAD}terms:\n  Ads: [buy now]\n  other: ['...']\n"
        "counters:\n  Count: {count: posts, by: author}\n  c: {count: posts, by: autor, window: 1m}\n"
        f"rules:\n  - {{name: a, verdict: blok, {rest}  - {{name: B, verdict: flag, {rest}"
    )
    beginnings = (
        (3, "term list 'Ads': a name is a-z"),
        (4, "term list other: '...' has no letter"),
        (6, "counter 'Count': a name is a-z"),
        (7, "counter c: by cannot be 'autor'"),
        (9, "rule a: verdict cannot be 'blok'"),
        (10, "rule: name 'B' must be a-z"),
    )
    for (line, message), (at, begins) in zip(found, beginnings, strict=True):
        assert (line, message[: len(begins)]) == (at, begins)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("version: x\nrules:\n\t- a\n", 3, "indent with spaces, not with a tab"),
        (with_rule(reason="Note: rude"), 7, "quote a text with colon"),
        (HEAD + "rules:\n  - name: a\n     verdict: flag\n", 4, "begin in the column of the keys beside it"),
        (HEAD + "rules: [", 2, "YAML"),
        (HEAD + "rulez: []\n" + RULES, 2, "unknown key 'rulez'; did you mean rules?"),
        (HEAD, 1, "'rules' is missing"),
        (RULES, 1, "'version' is missing"),
        (HEAD + HEAD + RULES, 2, "'version' is given twice (first in line 1)"),
        ("version: 2026-11-24\n" + RULES, 1, 'read as a date; quote it: version: "2026-11-24"'),
        ("version: ''\n" + RULES, 1, "version is empty"),
        (HEAD + "rules: []\n", 2, "1 to 500 rules"),
        (HEAD + "rules: none\n", 2, "rules must be a list"),
        (HEAD + "rules:\n  - just words\n", 3, "rule must be a mapping"),
        ("- a\n- b\n", 1, "the policy must be a mapping"),
        ("", 1, "is empty"),
        (HEAD + "a: &x 1\nb: *x\n" + RULES, 3, "aliases"),
        (HEAD + RULES + "---\n" + RULES, 4, "YAML"),
        (with_rule(verdict="reject"), 5, "verdict cannot be 'reject'; it can be allow or flag or block"),
        (with_rule(category="''"), 6, "category is empty"),
        (with_rule(category="Hate Speech"), 6, "category 'Hate Speech' must be a-z"),
        (with_rule(category=""), 3, "'category' is missing"),
        (with_rule(reason="' '"), 7, "reason is empty"),
        (with_rule(reason=""), 3, "'reason' is missing"),
        (with_rule(reason='"\\ud800"'), 7, "cannot be printed"),
        (with_rule(name="A rule"), 3, "name 'A rule' must be"),
        (with_rule(unknown="block"), 8, "unknown cannot be 'block'"),
        (with_rule(whenn="x > 1"), 8, "unknown key 'whenn'; did you mean when?"),
        (with_rule(when="true"), 4, "read as true or false; quote it"),
        (with_counter("c: {count: posts, by: autor, window: 1m}"), 3, "by cannot be 'autor'; did you mean author?"),
        (with_counter("c: {count: author, by: ip, window: 1m}"), 3, "count cannot be 'author'"),
        (with_counter("c: {distinct: devise, by: ip, window: 1m}"), 3, "did you mean device?"),
        (with_counter("c: {distinct: campaign, by: ip, window: 1m}"), 3, "distinct cannot be 'campaign'"),
        (with_counter("c: {distinct: ip, by: ip, window: 1m}"), 3, "always 1"),
        (with_counter("c: {count: posts, distinct: ip, by: author, window: 1m}"), 3, "either"),
        (with_counter("c: {by: author, window: 1m}"), 3, "either"),
        (with_counter("c: {count: posts, window: 1m}"), 3, "'by' is missing"),
        (with_counter("c: {count: posts, by: author, window: 1 minute}"), 3, "such as 10m"),
        (with_counter("c: {count: posts, by: author, window: 365d}"), 3, "between 1s and 90d"),
        (with_counter("c: {count: posts, by: author, window: 60}"), 3, "a whole number and s, m, h or d"),
        (with_counter("abuse: {count: posts, by: author, window: 1m}"), 3, "counter abuse has the name of a signal"),
        (with_counter("select: {count: posts, by: author, window: 1m}"), 3, "means something in SQL"),
        (with_counter("Count: {count: posts, by: author, window: 1m}"), 3, "a name is a-z"),
        (with_counter("c: 1m"), 3, "counter c must be a mapping"),
    ],
)
def test_an_error_is_told_with_its_line(problems: Problems, text: str, line: int, words: str) -> None:
    found = problems(text)
    assert any(at == line and words in message for at, message in found), found


def test_two_counters_of_one_name_are_refused(problems: Problems) -> None:
    counter = "c: {count: posts, by: author, window: 1m}"
    assert problems(with_counter(f"{counter}\n  {counter}")) == [(4, "counters: 'c' is given twice (first in line 3)")]


def test_two_rules_of_one_name_are_refused_even_when_one_of_them_is_wrong_otherwise(problems: Problems) -> None:
    wrong = "  - {name: a, when: abuze > 0.5, verdict: flag, category: abuse, reason: Rude}\n"
    found = problems(HEAD + RULES + wrong)
    assert (4, "rule name 'a' is given twice (first in line 3)") in found
    assert len(found) == 2


def test_the_name_that_unknown_flag_adds_is_taken(problems: Problems) -> None:
    first = "  - {name: a, when: followers > 1, verdict: flag, category: abuse, reason: Rude, unknown: flag}\n"
    text = HEAD + "rules:\n" + first + first.replace("name: a", "name: a-unknown").replace(", unknown: flag", "")
    assert problems(text) == [(4, "rule name 'a-unknown' is given twice (first in line 3)")]


def test_a_rule_may_name_a_counter_that_is_declared_wrongly_without_a_second_error(problems: Problems) -> None:
    text = f"{HEAD}counters:\n  c: {{count: posts, by: author, window: soon}}\n{RULES.replace('abuse >', 'c >')}"
    assert [line for line, _ in problems(text)] == [3]


def test_an_unknown_word_in_a_condition_of_many_lines_is_told_with_its_own_line(problems: Problems) -> None:
    assert [line for line, _ in problems(with_rule(when=">-\n      abuse > 0.5\n      AND folowers > 3"))] == [6]


def test_a_file_that_is_not_there_not_utf8_or_too_large_is_refused(load: Load, problems: Problems) -> None:
    with pytest.raises(PolicyError, match=r"nowhere\.yaml:1: cannot be read"):
        Policy.load(Path("nowhere.yaml"), {})
    assert problems(b"version: '1'\nrules: \xff") == [(2, "is not UTF-8 text")]
    assert problems(b"#" * 300_000) == [(1, "is larger than 256 KiB")]
    assert problems("[" * 5_000) == [(1, "is nested too deeply")]


def test_examples_are_checked_on_load(problems: Problems) -> None:
    examples = [
        "{verdict: flag, signals: {abuse: high}}",
        "{verdict: flag, signals: {followers: -1}}",
        "{verdict: flag, signals: {folowers: 1}}",
        "{verdict: flag, signals: {profile_bare: 1}}",
        "{verdict: flag, post: {author: {name: x}}}",
        "{verdict: flag}",
        "{signals: {abuse: 0.9}}",
        "{verdict: ban, signals: {abuse: 0.9}}",
        "{verdict: flag, signals: {abuse: 90}}",
    ]
    text = with_rule() + "    examples:\n" + "".join(f"      - {example}\n" for example in examples)
    found = problems(text)
    assert [line for line, _ in found] == [9, 10, 11, 12, 13, 14, 15, 16, 17]
    assert "followers cannot be '-1': followers is a whole number from 0 to 4294967295" in found[1][1]
    assert "did you mean followers?" in found[2][1]
    assert "abuse cannot be '90': abuse lies between 0 and 1" in found[-1][1]


def test_the_digest_tells_any_change_of_the_file_or_its_terms(load: Load, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("buy now\n")
    text = f"{HEAD}terms: {{ads: words.txt}}\n{RULES}"
    first = load(text).digest
    assert load(text).digest == first
    assert load(text + "# a comment\n").digest != first
    (tmp_path / "words.txt").write_text("buy later\n")
    assert load(text).digest != first
