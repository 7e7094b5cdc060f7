"""Bytes to posts, good and bad."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.dead_letter import Reason
from topics.post import Author, Media, Post
from topics.reading import BadPost, read_posts

MakePost = Callable[..., bytes]
SECRET = "marigold"


def refusal(value: bytes | None) -> BadPost:
    posts, bad = read_posts([value])
    assert posts == [None]
    assert len(bad) == 1
    return bad[0]


def test_a_post_with_every_field_is_read(post_bytes: MakePost) -> None:
    value = post_bytes(
        author={"id": "a-1", "name": "林", "created_at": 1_700_000_000_000, "followers": 3, "agency": "m-1"},
        kind="comment",
        reply_to="p-0",
        links=["https://example.org/a"],
        ip="192.0.2.7",
        device="d-1",
        lang="zh",
        media=[{"kind": "image", "hash": "ff00", "scores": {"nudity": 0.25}}],
        something_new={"of": ["the", "platform"]},
    )
    posts, bad = read_posts([value])
    assert bad == []
    assert posts == [
        Post(
            id="p-1",
            text="good morning from the harbour",
            author=Author("a-1", "林", 1_700_000_000_000, 3, "m-1"),
            created_at=1_764_000_000_000,
            kind="comment",
            reply_to="p-0",
            links=["https://example.org/a"],
            ip="192.0.2.7",
            device="d-1",
            lang="zh",
            media=[Media("image", "ff00", {"nudity": 0.25})],
        )
    ]


def test_bad_posts_keep_their_rows_and_leave_their_neighbours_alone(post_bytes: MakePost) -> None:
    posts, bad = read_posts([post_bytes(id="first"), b"{", None, post_bytes(id="last")])
    assert [post and post.id for post in posts] == ["first", None, None, "last"]
    assert [(row, reason) for row, reason, _ in bad] == [(1, "not_json"), (2, "tombstone")]


def test_no_values_are_no_posts() -> None:
    assert read_posts([]) == ([], [])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "tombstone"),
        (b"", "not_json"),
        (b"hello", "not_json"),
        (b'{"id":', "not_json"),
        (b'{"id":NaN}', "not_json"),
        (b'{"id":"a\nb"}', "not_json"),
        (b'{"id":"a\0b"}', "not_json"),
        ('\ufeff{"id":"a"}'.encode(), "not_json"),
        (b"null", "schema"),
        (b"[]", "schema"),
        (b"{}", "schema"),
        (b'{"id":"\xff"}', "encoding"),
        (b'{"id":"\xed\xa0\x80"}', "encoding"),
        ('{"id":"a"}'.encode("utf-16"), "encoding"),
        (b"[" * 100_000, "schema"),
        (b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too_large"),
    ],
)
def test_what_is_no_json_object_is_refused_with_a_code(value: bytes | None, reason: Reason) -> None:
    assert refusal(value).reason == reason


def test_a_value_with_two_posts_is_refused(post_bytes: MakePost) -> None:
    assert refusal(post_bytes() + post_bytes()).reason == "not_json"


@pytest.mark.parametrize(
    ("fields", "reason", "detail"),
    [
        ({"id": ...}, "schema", "id is missing"),
        ({"author": {}}, "schema", "author.id is missing"),
        ({"author": "me"}, "schema", "author must be an object, not text"),
        ({"id": 7}, "schema", "id must be text, not a whole number"),
        ({"id": ""}, "schema", "id is empty: leave it out or give it a value"),
        ({"device": ""}, "schema", "device is empty: leave it out or give it a value"),
        ({"id": "x" * 129}, "too_large", "id has more than 128 characters"),
        ({"text": "x" * 1_000_000}, "too_large", "text has more than 20000 characters"),
        ({"author": {"id": "a", "name": "x" * 201}}, "too_large", "author.name has more than 200 characters"),
        ({"author": {"id": "a", "followers": -1}}, "schema", "author.followers is below its least value, 0"),
        ({"links": ["x"] * 10_000}, "too_large", "links has more than 100 entries"),
        ({"links": ["x", "x" * 2_049]}, "too_large", "links[1] has more than 2048 characters"),
        ({"links": "x"}, "schema", "links must be a list, not text"),
        ({"media": [{"kind": "image"}] * 51}, "too_large", "media has more than 50 entries"),
        (
            {"media": [{"kind": "image", "scores": {SECRET: 1.5}}]},
            "schema",
            "media[0].scores is above its greatest value, 1.0",
        ),
        (
            {"media": [{"kind": "image", "scores": {f"{i}": 0 for i in range(51)}}]},
            "too_large",
            "media[0].scores has more than 50 entries",
        ),
        ({"kind": SECRET}, "schema", "kind must be one of post, comment, repost, message, profile"),
        ({"reply_to": 1}, "schema", "reply_to must be text or null, not a whole number"),
        (
            {"created_at": 1_764_000_000},
            "schema",
            "created_at is not between the years 2000 and 2100; times are milliseconds since 1970",
        ),
        ({"created_at": 1.5}, "schema", "created_at must be a whole number, not a number"),
    ],
)
def test_what_breaks_the_schema_is_refused_with_the_field_and_the_limit(
    post_bytes: MakePost, fields: dict[str, Any], reason: Reason, detail: str
) -> None:
    assert refusal(post_bytes(**fields))[1:] == (reason, detail)


@pytest.mark.parametrize("number", [b"9" * 10_000, b"1e9999", b"-" + b"9" * 10_000])
def test_a_number_beyond_all_limits_is_refused(post_bytes: MakePost, number: bytes) -> None:
    found = refusal(post_bytes(created_at="HERE").replace(b'"HERE"', number))
    assert found[1:] == ("schema", "created_at is a number beyond all limits")


@pytest.mark.parametrize("escape", [r"\ud800", r"\udc00", r"\ud800x", r"\ud800\ud800", r"\udc00\ud800", r"\ud83d\n"])
@pytest.mark.parametrize("field", ["text", "id", "unknown"])
def test_half_a_surrogate_pair_is_refused_wherever_it_stands(post_bytes: MakePost, field: str, escape: str) -> None:
    value = post_bytes(**{field: "HERE"}).replace(b"HERE", escape.encode())
    found = refusal(value)
    assert found.reason == "encoding"
    assert "surrogate" in found.detail


def test_a_whole_surrogate_pair_is_a_character(post_bytes: MakePost) -> None:
    posts, bad = read_posts([post_bytes(text="\U0001f30a")])
    assert bad == []
    assert posts[0] is not None
    assert posts[0].text == "\U0001f30a"


@pytest.mark.parametrize("character", ["\n", "\0", "\r", "\x1f", "\x7f", "\x85", "\x9f"])
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("id", {"id": "a?b"}),
        ("author.id", {"author": {"id": "a?b"}}),
        ("author.agency", {"author": {"id": "a", "agency": "?"}}),
        ("reply_to", {"reply_to": "?"}),
        ("ip", {"ip": "192.0.2.7?"}),
        ("device", {"device": "?d"}),
        ("lang", {"lang": "zh?"}),
        ("media.kind", {"media": [{"kind": "?"}]}),
        ("media.hash", {"media": [{"kind": "image", "hash": "?"}]}),
        ("a name in media.scores", {"media": [{"kind": "image", "scores": {"?": 0.5}}]}),
    ],
)
def test_a_control_character_in_an_id_is_refused(
    post_bytes: MakePost, field: str, fields: dict[str, Any], character: str, ascii_only: bool
) -> None:
    fields = json.loads(json.dumps(fields).replace("?", json.dumps(character)[1:-1]))
    value = json.dumps(json.loads(post_bytes(**fields)), ensure_ascii=ascii_only).encode()
    assert refusal(value)[1:] == (
        "control_character",
        f"{field} contains a control character (such as a line feed or NUL), which no id may",
    )


@pytest.mark.parametrize(
    "fields", [{"text": "a\0b"}, {"author": {"id": "a", "name": "\0"}}, {"links": ["x", "https://example.org/\0"]}]
)
def test_nul_in_a_text_is_refused(post_bytes: MakePost, fields: dict[str, Any]) -> None:
    found = refusal(post_bytes(**fields))
    assert found.reason == "control_character"
    assert "NUL" in found.detail


def test_line_feeds_and_backslashes_in_a_text_are_welcome(post_bytes: MakePost) -> None:
    text = "one\ntwo\t\\u0000 \x7f\x85 end"
    posts, bad = read_posts([post_bytes(text=text)])
    assert bad == []
    assert posts[0] is not None
    assert posts[0].text == text


def test_of_two_fields_with_one_name_the_last_counts(post_bytes: MakePost) -> None:
    posts, bad = read_posts([post_bytes(id="first")[:-1] + b',"id":"second"}'])
    assert bad == []
    assert posts[0] is not None
    assert posts[0].id == "second"


def test_unknown_fields_may_hold_anything_that_is_json(post_bytes: MakePost) -> None:
    posts, bad = read_posts([post_bytes(unknown=[10**500, {"deep": [None, "\0"]}])])
    assert bad == []
    assert posts[0] is not None


def test_a_reason_repeats_nothing_of_the_post(post_bytes: MakePost) -> None:
    values = [
        post_bytes(kind=SECRET),
        post_bytes(id=f"{SECRET}\n"),
        post_bytes(text=f"{SECRET}\0"),
        post_bytes(links={SECRET: SECRET}),
        post_bytes(media=[{"kind": SECRET, "scores": {f"{SECRET}\n": 0.5}}]),
        post_bytes(media=[{"kind": SECRET, "scores": {SECRET: SECRET}}]),
        SECRET.encode(),
    ]
    _, bad = read_posts(values)
    assert len(bad) == len(values)
    assert not any(SECRET in found.detail for found in bad)


def assert_every_value_is_a_post_or_refused(values: list[bytes | None]) -> None:
    posts, bad = read_posts(values)
    assert len(posts) == len(values)
    assert [found.row for found in bad] == [row for row, post in enumerate(posts) if post is None]
    for _, reason, detail in bad:
        assert reason in get_args(Reason)
        assert detail.isprintable()
        assert 0 < len(detail) < 200
    for post in posts:
        if post is not None:
            assert msgspec.json.decode(msgspec.json.encode(post), type=Post) == post


@given(st.lists(st.none() | st.binary(max_size=200), max_size=8))
def test_any_bytes_are_a_post_or_refused(values: list[bytes | None]) -> None:
    assert_every_value_is_a_post_or_refused(values)


@given(st.data())
def test_a_post_with_bytes_changed_is_a_post_or_refused(post_bytes: MakePost, data: st.DataObject) -> None:
    value = post_bytes(links=["x"], media=[{"kind": "image", "scores": {"nudity": 0.5}}], reply_to="\n", lang="é")
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(value)))
        end = data.draw(st.integers(start, min(len(value), start + 8)))
        piece = data.draw(st.binary(max_size=8) | st.sampled_from([rb"\ud800", rb"\u0000", b'"', b"{", b"1e999"]))
        value = value[:start] + piece + value[end:]
    assert_every_value_is_a_post_or_refused([value])


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(field=st.sampled_from([*Post.__struct_fields__, "other"]), content=any_json)
def test_a_post_with_a_field_of_any_kind_is_a_post_or_refused(post_bytes: MakePost, field: str, content: Any) -> None:
    assert_every_value_is_a_post_or_refused([post_bytes(**{field: content})])


plain_text = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=40)
plain_id = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)


@given(identifier=plain_id, author=plain_id, device=st.none() | plain_id, text=plain_text, ascii_only=st.booleans())
def test_every_proper_post_is_read_as_it_was_written(
    post_bytes: MakePost, identifier: str, author: str, device: str | None, text: str, ascii_only: bool
) -> None:
    fields = json.loads(post_bytes(id=identifier, author={"id": author, "name": text}, device=device, text=text))
    posts, bad = read_posts([json.dumps(fields, ensure_ascii=ascii_only).encode()])
    assert bad == []
    assert posts == [
        Post(id=identifier, text=text, author=Author(author, text), created_at=fields["created_at"], device=device)
    ]
