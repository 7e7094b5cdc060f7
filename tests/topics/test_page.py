"""topics/README.md tells every field as the types do, and its examples are what the shipped policy and models decide.

`WRITE=1 python -m pytest tests/topics/test_page.py` writes that part of the page anew.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from topics.campaign import Campaign
from topics.dead_letter import DeadLetter
from topics.decision import Decision, decode
from topics.post import Post
from workers.assembly import offline_judge
from workers.metrics import Metrics
from workers.moderate import Moderator

PAGE = Path(__file__).parents[2] / "topics" / "README.md"
BEGIN, END = "<!-- Made by tests/topics/test_page.py. -->\n", "<!-- End of what is made. -->\n"
HOW = "stale: `WRITE=1 .venv/bin/python -m pytest tests/topics/test_page.py` writes it anew"
TYPES = ("Decision", "FiredRule", "Span", "Source", "Post", "Author", "Media", "Campaign")
NOW = 1_795_564_800_000
DAY = 86_400_000
POSTS: dict[str, dict[str, Any]] = {
    "allow": {
        "text": "The first snow of the year, and the ferry is late again",
        "author": {"id": "a-1", "name": "Ines", "created_at": NOW - 900 * DAY, "followers": 80},
    },
    "flag": {
        "text": "同城可约，上门服务，加微信 vx8899",
        "author": {"id": "a-2", "name": "Lin", "created_at": NOW - 400 * DAY, "followers": 60},
    },
    "block": {
        "text": "同城可约，上门服务，加微信 vx8899 看照片",
        "author": {"id": "a-3", "name": "小丽", "created_at": NOW - DAY, "followers": 0},
        "ip": "192.0.2.7",
        "device": "d-3",
        "lang": "zh",
    },
}


class Record(NamedTuple):
    """What the worker reads of aiokafka's record."""

    offset: int
    value: bytes
    key: bytes
    timestamp: int = NOW
    headers: tuple[tuple[str, bytes], ...] = ()


def records() -> list[Record]:
    posts = [{"id": f"p-{number}", **post, "created_at": NOW} for number, post in enumerate(POSTS.values(), 1)]
    values = [json.dumps(post).encode() for post in posts]
    return [
        *(Record(17 + at, value, f"a-{at + 1}".encode()) for at, value in enumerate(values)),
        Record(20, b"{", b"a-4"),
    ]


def examples() -> dict[str, Any]:
    """What becomes of the posts above, by verdict, and of a record that is none."""
    moderator = Moderator(offline_judge(None, None), Metrics())
    rows = asyncio.run(moderator.moderate({0: records()}, {0: 17})).rows[0]
    found = {topic.removeprefix("posts."): row for topic, (row,) in rows.items() if row}
    letter = found.pop("dead")
    headers = {name: header.decode() for name, header in letter.headers}
    return {**{verdict: json.loads(row.value or b"") for verdict, row in found.items()}, "dead": headers}


def fields() -> list[str]:
    """The rows of tables that tell every field of every message."""
    lines = []
    _, schemas = msgspec.json.schema_components([Decision, Campaign], ref_template="{name}")
    for name in TYPES:
        schema = schemas.pop(name)
        lines += [f"### {name}", "", schema["description"], "", "| field | type | meaning |", "|---|---|---|"]
        for field, told in schema["properties"].items():
            optional = "" if field in schema["required"] else ", may be absent"
            lines.append(f"| `{field}` | {kind(told)}{optional} | {told['description'].replace('<', '&lt;')} |")
        lines.append("")
    assert not schemas, "TYPES leaves some out"
    return lines


def kind(told: dict[str, Any]) -> str:
    if "anyOf" in told:
        return " or ".join(kind(each) for each in told["anyOf"])
    if "enum" in told:
        return ", ".join(f"`{each}`" for each in told["enum"])
    if "$ref" in told:
        return f"[{told['$ref']}](#{told['$ref'].lower()})"
    if told["type"] == "array":
        return f"list of {kind(told['items'])}"
    return f"by name: {kind(told['additionalProperties'])}" if told["type"] == "object" else str(told["type"])


def made() -> str:
    found = examples()
    lines = ["## Decisions and campaigns, field by field", "", *fields(), "## What decisions look like", ""]
    for verdict, title in (("allow", "A decision to allow"), ("flag", "To flag"), ("block", "To block")):
        lines += [f"{title}:", "", "```json", pretty(found[verdict]), "```", ""]
    lines += ["Headers of a dead letter:", "", "```json", pretty(found["dead"]), "```", ""]
    return "\n".join(lines)


def pretty(example: dict[str, Any]) -> str:
    """JSON with a line for each field and each entry of a list."""
    lines = []
    for name, value in example.items():
        if isinstance(value, list):
            entries = ",\n".join(f"    {json.dumps(entry, ensure_ascii=False)}" for entry in value)
            lines.append(f'  "{name}": [\n{entries}\n  ]')
        else:
            lines.append(f'  "{name}": {json.dumps(value, ensure_ascii=False)}')
    return "{\n" + ",\n".join(lines) + "\n}"


def on_page() -> str:
    return PAGE.read_text().split(BEGIN)[1].split(END)[0]


def form(value: Any) -> Any:
    """What of an example a retrained model leaves as it is."""
    match value:
        case dict():
            changing = {"policy", "models", "spans"}
            return {name: None if name in changing else form(each) for name, each in value.items()}
        case list():
            return [form(each) for each in value]
        case float():
            return 0.0
        case _:
            return value


def shown(page: str) -> list[Any]:
    return [json.loads(block.split("```")[0]) for block in page.split("```json\n")[1:]]


@pytest.fixture(scope="module", autouse=True)
def written() -> None:
    if os.environ.get("WRITE"):
        before, rest = PAGE.read_text().split(BEGIN)
        PAGE.write_text(before + BEGIN + made() + END + rest.split(END)[1])


def test_every_field_is_told_as_the_types_tell_it() -> None:
    assert "\n".join(fields()) in on_page(), HOW


def test_the_examples_are_what_the_shipped_policy_and_models_decide() -> None:
    assert [form(each) for each in shown(on_page())] == [form(each) for each in examples().values()], HOW


def test_the_examples_are_decisions_with_all_that_explains_them() -> None:
    allow, flag, block, dead = shown(on_page())
    assert [decode(json.dumps(each).encode()).verdict for each in (allow, flag, block)] == ["allow", "flag", "block"]
    assert "post" not in allow
    for decision in (flag, block):
        assert decision["rules"][0]["reason"]
        assert decision["spans"]
        assert msgspec.convert(decision["post"], Post).text
    assert (
        DeadLetter.from_record(b"{", None, [(name, text.encode()) for name, text in dead.items()]).reason == "not_json"
    )
