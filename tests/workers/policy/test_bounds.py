"""A rule sees one post's signals: no file, no table, no other post, and it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from workers.policy import Policy, PolicyError
from workers.policy.expression import ACROSS_POSTS, FUNCTIONS, KEYWORDS, NOT_THE_SAME_TWICE

Refusal = Callable[[str], str]
READERS = ("read_csv", "read_parquet", "read_json", "read_ipc", "scan_csv", "PG_READ_FILE", "LOAD_FILE", "glob")
TABLES = ("generate_series", "UNNEST", "range", "TABLE", "VALUES", "json_each", "STRING_TO_ARRAY", "FLATTEN", "EXPLODE")


@pytest.mark.parametrize("function", READERS + TABLES)
@pytest.mark.parametrize(
    "when",
    [
        "{0}('{1}') = 'x'",
        "kind IN ({0}('{1}'))",
        "kind IN (SELECT * FROM {0}('{1}'))",
        "abuse > 0.5 FROM {0}('{1}')",
        "abuse > (SELECT COUNT(*) FROM {0}('{1}'))",
        "EXISTS (SELECT * FROM {0}('{1}'))",
        "abuse > 0.5 UNION SELECT * FROM {0}('{1}')",
        "abuse > 0.5 OR {0} ('{1}') IS NULL",
    ],
)
def test_no_file_and_no_table_can_be_named(refusal: Refusal, tmp_path: Path, when: str, function: str) -> None:
    file = tmp_path / "readable.csv"
    file.write_text("kind\nsecret-of-the-machine\n")
    told = refusal(when.format(function, file))
    assert "unknown" in told or "more than one post" in told
    assert "secret-of-the-machine" not in told


@pytest.mark.parametrize(
    "when",
    [
        "kind = (SELECT kind FROM self LIMIT 1)",
        "abuse > 0.5 AND followers = ANY(followers)",
        "abuse > MAX(abuse) OVER (PARTITION BY kind)",
        "followers > (SELECT AVG(followers) FROM df)",
        "abuse > 0.5 ORDER BY abuse",
        "abuse > 0.5 LIMIT 1",
        "abuse > 0.5 QUALIFY ROW_NUMBER() = 1",
        "DENSE_RANK() = 1 AND abuse > 0.5",
        "kind NOT IN (WITH t AS (SELECT 1) SELECT * FROM t)",
        "abuse > 0.5 GROUP BY kind",
    ],
)
def test_no_other_post_can_be_seen(refusal: Refusal, when: str) -> None:
    assert "more than one post" in refusal(when) or "unknown" in refusal(when)


def test_every_function_a_rule_may_call_looks_at_one_row_and_gives_the_same_twice() -> None:
    assert not {*FUNCTIONS} & (ACROSS_POSTS | NOT_THE_SAME_TWICE)
    assert not {*KEYWORDS} & (ACROSS_POSTS | NOT_THE_SAME_TWICE)


@pytest.mark.parametrize(
    "when",
    [
        "REGEXP_LIKE(link_domain, '((.{0,60}){0,40}){0,9}z')",
        "REGEXP_LIKE(kind, '(a|aa)+$') OR REGEXP_LIKE(link_domain, '(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)z')",
        "link_domain LIKE '" + "%_" * 200 + "z'",
        " OR ".join(["link_domain LIKE '%a%b%c%d%e%f%'"] * 60),
        " AND ".join(f"ABS(followers - {number}) > {number}" for number in range(40)),
        "COALESCE(" * 60 + "abuse" + ", 0)" * 60 + " > 1",
        "CASE WHEN abuse > 0 THEN " * 25 + "1" + " ELSE 0 END" * 25 + " > 0",
        "NOT " * 150 + "profile_bare",
        "UPPER(" * 70 + "kind" + ")" * 70 + " = 'X'",
    ],
)
def test_a_rule_is_refused_or_quick(
    load_rules: Callable[..., Policy], schema: dict[str, pl.DataType], when: str
) -> None:
    """Refused on load, or tried there and found to take less than a tenth of a second for a thousand posts."""
    try:
        policy = load_rules((f'"{when}"', "flag"))
    except PolicyError as error:
        told = str(error)
        assert "too slow" in told or "too long" in told or "cannot be used" in told or "SQL" in told
    else:
        frame = pl.DataFrame({name: pl.Series([None] * 3, dtype=dtype) for name, dtype in schema.items()})
        assert policy.decide(frame).table().shape == (3, 1)
