"""What a rule's condition may be."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from workers.policy import Policy

Refusal = Callable[[str], str]


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ("abuze > 0.5", "unknown signal 'abuze'; did you mean abuse?"),
        ("ABUSE > 0.5", "did you mean abuse?"),
        ("link_domain = 5", "compares text with a number: link_domain = 5"),
        ("'x' < followers", "compares text with a number"),
        ("link_domain = followers", "compares text with a number"),
        ("profile_bare = 'yes'", "compares text with true or false"),
        ("kind IN (1, 2)", "compares text with a number"),
        ("followers BETWEEN 'a' AND 'b'", "compares text with a number"),
        ("LENGTH(followers) > 2", "gives a number to a function that takes text"),
        ("ABS(kind) > 2", "gives text to a function that takes a number"),
        ("abuse + 1", "is no condition: it gives a number"),
        ("LOWER(kind)", "is no condition: it gives text"),
        ("abuse > 0.5 AND followers", "joins by AND what is no condition"),
        ("1 = 1", "names no signal"),
        ("abuse >", "is no SQL: a part is missing, in the wrong place"),
        ("abuse > 0.5 followers", "an operator is missing before followers"),
        ("abuse > 0.5 AS x", "unknown signal 'AS'"),
        ("abuse > 0.5 TRUE", "SQL"),
        ("abuse > 0.5) OR (followers > 1", "SQL"),
        ("followers = NULL", "followers = NULL is never true; write IS NULL or IS NOT NULL"),
        ("(abuse > 0.5 OR (followers > 1)", "has 2 ( and 1 )"),
        ("CASE WHEN abuse > 0.5 THEN 1 ELSE 0 = 1", "has 1 CASE and 0 END"),
        ("0.2 < followers < 0.5", "write x > 0.2 AND x < 0.5, or BETWEEN"),
        ("abuse > 0.5 && followers > 1", "cannot use '&' here; write AND"),
        ("abuse ＞ 0.5", "cannot use '＞' here; write >"),
        ("kind = ‘post’", "cannot use '‘' here; write '"),
        ("kind = 'post", "not closed"),
        ('kind = "post"', "single quotes"),
        ("kind = `post`", "single quotes"),
        ("abuse > 0.5 -- really", "comments"),
        ("abuse /* really */ > 0.5", "comments"),
        ("abuse > 0.5; DROP TABLE posts", "cannot use ';'"),
        ("abuse::text = '1'", "cannot use ':'"),
        ("kind ~ 'x'", "cannot use '~'"),
        ("abuse / followers > 1", "NULLIF"),
        ("abuse / 0 > 1", "NULLIF"),
        ("REGEXP_LIKE(kind, '(')", "regular expression that cannot be used: unclosed group"),
        ("REGEXP_LIKE(kind, '(\\w{1,100}){1,100}')", "regular expression that cannot be used"),
        ("abuse >= 90%", "when has 90%; write 0.9"),
        ("abuse >= 0,9", "when has 0,9; write 0.9"),
        ("kind LIKE %st", "has a pattern without quotes; write LIKE '%word%'"),
        ("abuse > 0.9, followers > 3", "has a comma outside of parentheses; join conditions by AND or OR"),
        ("abuse => 0.9", "cannot use '=>' here; write >="),
        ("account_age_days < 7d", "7d is no number; write it in digits alone"),
        ("followers < 1_000", "1_000 is no number"),
        ("kind = post", "unknown signal 'post'; a text stands in single quotes: 'post'"),
        ("LENGHT(kind) > 1", "unknown function LENGHT(); did you mean LENGTH?"),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(refusal: Refusal, when: str, words: str) -> None:
    assert words in refusal(when)


@pytest.mark.parametrize(
    "when",
    [
        "abuse > AVG(abuse)",
        "COUNT(*) > 3",
        "SUM(followers) > 3",
        "ROW_NUMBER() OVER (ORDER BY abuse) > 1",
        "LAG(abuse) > 1",
        "abuse > (SELECT 1)",
        "abuse > ALL(SELECT 1)",
        "EXISTS (SELECT 1)",
        "kind IN (SELECT kind FROM self)",
        "FIRST(abuse) > 0.5",
        "COLUMNS('a') > 1",
    ],
)
def test_a_condition_that_looks_across_posts_is_refused(refusal: Refusal, when: str) -> None:
    assert "looks at more than one post" in refusal(when)


@pytest.mark.parametrize("when", ["followers > RANDOM()", "NOW() > abuse", "CURRENT_DATE > abuse"])
def test_a_condition_that_does_not_give_the_same_twice_is_refused(refusal: Refusal, when: str) -> None:
    assert "same answer twice" in refusal(when)


@pytest.mark.parametrize(
    "when",
    [
        "read_csv('/etc/passwd') = 'x'",
        "kind IN (read_parquet('x'))",
        "abuse > 0.5 FROM read_csv('/etc/passwd')",
        "PG_READ_FILE('/etc/passwd') = kind",
        "CAST(kind AS INT) > 1",
    ],
)
def test_a_condition_that_reads_outside_or_may_fail_on_a_post_is_refused(refusal: Refusal, when: str) -> None:
    assert "unknown" in refusal(when) or "more than one post" in refusal(when)


def test_a_condition_that_would_hang_is_refused(refusal: Refusal) -> None:
    assert "too slow" in refusal("REGEXP_LIKE(link_domain, '(.{0,100}){0,40}z')")


@pytest.mark.parametrize(
    "when",
    [
        " OR ".join(["abuse > 0.5"] * 5_000)[:39_000] + "1",
        "kind IN (" + ", ".join(["'x'"] * 2_100) + ")",
        "abuse > " + "-" * 3_000 + "1",
        "abuse > " + "- " * 3_000 + "1",
        "(" * 3_000 + "abuse" + ")" * 3_000 + " > 1",
    ],
)
def test_a_condition_too_long_or_too_deep_is_refused_before_it_is_parsed(refusal: Refusal, when: str) -> None:
    assert "too long" in refusal(when) or "comments" in refusal(when)


@pytest.mark.parametrize(
    ("when", "outcomes"),
    [
        ("followers - 5 > 0", [False, True, None]),
        ("followers / 4 > 1", [False, True, None]),
        ("followers / NULLIF(followers - 3, 0) > 1", [None, True, None]),
        ("followers % 2 = 1", [True, True, None]),
        ("followers IN (3, 4) AND kind <> 'x'", [True, False, None]),
        ("kind LIKE '%os%'", [True, False, None]),
        ("kind NOT ILIKE 'POST'", [False, True, None]),
        ("REGEXP_LIKE(kind, '^p') OR profile_bare", [True, True, None]),
        ("COALESCE(followers, 0) >= 9 OR kind IS NULL", [False, True, True]),
        ("followers > CASE WHEN kind = 'post' THEN 5 ELSE 1 END", [False, True, None]),
        ("NOT profile_bare", [True, False, None]),
        ("ABS(followers - 9) <= GREATEST(followers, 1) AND LENGTH(kind) = 7", [False, True, None]),
        ("STARTS_WITH(kind, 'po') AND followers <> 4", [True, False, None]),
    ],
)
def test_conditions_give_what_sql_gives_and_whole_numbers_may_go_below_zero(
    load_rules: Callable[..., Policy], when: str, outcomes: list[bool | None]
) -> None:
    frame = pl.DataFrame(
        {
            "followers": pl.Series([3, 9, None], dtype=pl.UInt32),
            "kind": ["post", "comment", None],
            "profile_bare": [False, True, None],
        }
    )
    policy = load_rules((f'"{when}"', "block", "unknown: flag"))
    fired = policy.decide(frame).table()
    assert fired[:, 0].tolist() == [outcome is True for outcome in outcomes]
    assert fired[:, 1].tolist() == [outcome is None for outcome in outcomes]
