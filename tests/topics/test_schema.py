"""The generated schemas: fresh, described throughout, and true of what is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from topics.catalog import TOPICS
from topics.dead_letter import DeadLetter
from topics.decision import Decision, FiredRule, Source, Span, encode
from topics.post import Author, Media, Post
from topics.reading import read_posts
from topics.schema import FOLDER, documents

TIME = 1_764_000_000_000
POST = Post(
    id="p-1",
    text="good morning",
    author=Author("a-1", "Lin", TIME, 3, "m-1"),
    created_at=TIME,
    kind="comment",
    reply_to="p-0",
    links=["https://example.org"],
    ip="192.0.2.7",
    device="d-1",
    lang="en",
    media=[Media("image", "ff00", {"nudity": 0.5})],
)
DECISION = Decision(
    id="p-1",
    author="a-1",
    verdict="flag",
    category="spam",
    rules=[FiredRule("flood", "flag", "spam", "Too many posts in a minute")],
    signals={"author_posts_1m": 40, "marketing": 0.25, "lang": None, "link_shortener": True, "ip": "192.0.2.7"},
    scores={"marketing": 0.25},
    spans=[Span("name", 0, 3, "marketing", -0.5)],
    policy="v1",
    models={"marketing": "1"},
    degraded=True,
    source=Source(0, 1),
    created_at=TIME,
    arrived_at=TIME,
    post=POST,
)
ALLOWED = Decision(
    id="p-1", author="a-1", verdict="allow", policy="v1", source=Source(0, 1), created_at=TIME, arrived_at=TIME
)


def schema(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FOLDER / name).read_bytes())
    return document


def validator(name: str) -> Draft202012Validator:
    Draft202012Validator.check_schema(schema(name))
    return Draft202012Validator(schema(name))


def test_the_schemas_in_the_repository_are_fresh() -> None:
    stale = [
        name
        for name, content in documents().items()
        if not (FOLDER / name).is_file() or (FOLDER / name).read_bytes() != content
    ]
    assert not stale, f"stale: {', '.join(stale)}; `make schemas` (python -m topics.schema) writes them anew"


def test_the_folder_holds_no_other_schemas() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} == set(documents())


@pytest.mark.parametrize("decision", [DECISION, ALLOWED], ids=["flag", "allow"])
def test_an_encoded_decision_fits_its_schema(decision: Decision) -> None:
    validator("decision.json").validate(json.loads(encode(decision)))


def test_a_post_that_is_read_fits_its_schema(post_bytes: Callable[..., bytes]) -> None:
    value = post_bytes(media=[{"kind": "image", "scores": {"nudity": 1}}], something_new=1)
    assert read_posts([value])[1] == []
    validator("post.json").validate(json.loads(value))


@pytest.mark.parametrize(
    "fields",
    [
        {"id": ...},
        {"id": ""},
        {"id": "a\n"},
        {"id": "a\x7f"},
        {"text": "a\0b"},
        {"links": ["\0"]},
        {"links": ["x"] * 101},
        {"reply_to": "\n"},
        {"kind": "story"},
        {"created_at": 1_764_000_000},
        {"media": [{"kind": "image", "scores": {"nudity": 2}}]},
        {"media": [{"kind": "image", "scores": {f"{i}": 0 for i in range(51)}}]},
    ],
)
def test_a_post_that_is_refused_does_not_fit_the_schema_either(
    post_bytes: Callable[..., bytes], fields: dict[str, Any]
) -> None:
    value = post_bytes(**fields)
    assert read_posts([value])[0] == [None]
    assert not validator("post.json").is_valid(json.loads(value))


def test_headers_of_a_dead_letter_fit_their_schema() -> None:
    letter = DeadLetter(b"{", None, "not_json", "it breaks off", "posts", 0, 17)
    headers = {name: text.decode() for name, text in letter.to_headers()}
    validator("dead_letter.json").validate(headers)


def descriptions(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for name, field in node.get("properties", {}).items():
            yield f"{path}.{name}", field.get("description")
        for name, inner in node.items():
            yield from descriptions(inner, f"{path}.{name}")


@pytest.mark.parametrize("name", documents())
def test_every_field_is_described(name: str) -> None:
    found = list(descriptions(schema(name)))
    assert found
    assert [path for path, description in found if not description] == []


def references(node: Any) -> Iterator[str]:
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        if isinstance(inner, str) and inner.startswith("#/"):
            yield inner
        yield from references(inner)


def test_every_reference_in_the_asyncapi_document_leads_somewhere() -> None:
    document = schema("asyncapi.json")
    for reference in references(document):
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_the_asyncapi_document_tells_every_topic_as_the_catalog_does() -> None:
    channels = schema("asyncapi.json")["channels"]
    assert list(channels) == [topic.name for topic in TOPICS]
    for topic in TOPICS:
        kafka = channels[topic.name]["bindings"]["kafka"]
        assert kafka["partitions"] == topic.partitions
        assert kafka["topicConfiguration"]["max.message.bytes"] == topic.max_message_bytes
        assert list(channels[topic.name]["messages"]) == [topic.message.__name__]
