from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.scorer import Scorer
from topics.post import Author, Media, Post
from workers.batch import Batch
from workers.counters import MEMBERS
from workers.keys import hash_strings
from workers.signals import Signals, declared, schema
from workers.values import frame_of

Batches = Callable[..., Batch]
Posts = Callable[..., Post]
OFFER = "春季新品上架，手工羊毛围巾全场五折，前一百名下单的朋友再送同款手套一双 https://shop.example.com/1"


@pytest.fixture
def signals(scorer: Scorer) -> Signals:
    return Signals(scorer, {"contact": ["加微信", "telegram"]})


def test_every_declared_signal_is_measured_with_its_dtype(signals: Signals, batch: Batches) -> None:
    frame = frame_of(signals.measure(batch("你好", OFFER)))
    families = declared(["contact"])
    assert dict(frame.schema) == {c.name: c.dtype for columns in families.values() for c in columns}
    assert [f.name for f in signals.families] == list(families)
    assert signals.names == frozenset(frame.columns)
    assert frame.height == 2


def test_the_schema_names_all_but_the_policys_own_signals(signals: Signals, batch: Batches) -> None:
    frame = frame_of(signals.measure(batch("你好")))
    assert dict(frame.drop("terms_contact").schema) == schema()


def test_every_signal_says_in_one_line_what_it_is() -> None:
    for columns in declared(["contact"]).values():
        for column in columns:
            assert re.fullmatch(r"[a-z][a-z0-9_]*", column.name)
            assert 10 < len(column.description) < 90
            assert "\n" not in column.description


def test_probabilities_and_they_alone_are_float32() -> None:
    columns = [column for family in declared(["contact"], ["ads"]).values() for column in family]
    assert {column.unit for column in columns if column.dtype == pl.Float32} == {"probability"}
    assert {column.dtype for column in columns if column.unit == "probability"} == {pl.Float32()}


def test_models_score_each_post(signals: Signals, batch: Batches) -> None:
    frame = frame_of(signals.measure(batch("you stupid fool", "全场五折限时抢购", "see you at lunch")))
    assert frame["abuse"].arg_max() == 0
    assert frame["marketing"].arg_max() == 1
    assert frame["text_length"].to_list() == [len("you stupid fool"), 8, len("see you at lunch")]


def test_only_wanted_signals_are_measured(signals: Signals, batch: Batches) -> None:
    frame = frame_of(signals.measure(batch("你好"), frozenset({"marketing", "link_count", "nosuch"})))
    assert frame.columns == ["marketing", "link_count"]


def test_an_empty_batch_has_no_rows(signals: Signals, batch: Batches) -> None:
    assert frame_of(signals.measure(batch())).shape == (0, len(signals.columns))
    assert {len(key) for key in signals.keys(batch(), MEMBERS).values()} == {0}


def test_keys_are_hashes_of_what_they_name(signals: Signals, batch: Batches, post: Posts) -> None:
    whole = post(OFFER, author={"id": "a7", "agency": "m1"}, reply_to="p0", ip="192.0.2.1", device="d1")
    keys = signals.keys(batch(whole, post("嗯")), MEMBERS)
    for name, value in {
        "author": "a7",
        "agency": "m1",
        "reply_to": "p0",
        "ip": "192.0.2.1",
        "device": "d1",
        "link_domain": "example.com",
    }.items():
        assert keys[name][0] == hash_strings([value])[0]
    assert {name for name in keys if keys[name][1].any()} == {"author"}
    assert all(column.dtype == np.uint64 for column in keys.values())


def test_keys_and_signals_agree(signals: Signals, batch: Batches) -> None:
    one, other = batch(OFFER, "嗯"), batch("嗯", OFFER, OFFER + "！")
    for each in (one, other, one):
        frame = frame_of(signals.measure(each, frozenset({"fingerprint", "link_domain"})))
        keys = signals.keys(each, ["fingerprint", "link_domain"])
        assert frame["fingerprint"].fill_null(0).to_list() == keys["fingerprint"].tolist()
        assert hash_strings(frame["link_domain"].to_list()).tolist() == keys["link_domain"].tolist()


def test_a_key_that_is_none_is_refused(signals: Signals, batch: Batches) -> None:
    with pytest.raises(KeyError, match="nosuch"):
        signals.keys(batch("你好"), ["nosuch"])


ANY = st.text(max_size=60)
POSTS = st.builds(
    Post,
    id=st.just("p"),
    text=st.one_of(ANY, st.text(alphabet="ab.加微信 https:/\u0301\u202eאب@#1", max_size=80)),
    author=st.builds(
        Author,
        id=st.text(min_size=1, max_size=9),
        name=ANY,
        created_at=st.one_of(st.none(), st.integers(946_684_800_000, 4_102_444_800_000)),
        followers=st.one_of(st.none(), st.integers(0, 4_294_967_295)),
        agency=st.one_of(st.none(), ANY),
    ),
    created_at=st.integers(946_684_800_000, 4_102_444_800_000),
    links=st.lists(ANY, max_size=4),
    media=st.lists(
        st.builds(Media, kind=ANY, scores=st.dictionaries(st.sampled_from(["sexual", "PORN", "x"]), st.floats(0, 1)))
    ),
    ip=st.one_of(st.none(), ANY),
)


@settings(max_examples=80, deadline=None)
@given(posts=st.lists(POSTS, max_size=5))
def test_no_valid_post_makes_a_signal_raise(scorer: Scorer, posts: list[Post]) -> None:
    signals = Signals(scorer, {"contact": ["加微信", "a", "b.a"]})
    batch = Batch.offline(posts)
    frame = frame_of(signals.measure(batch))
    assert frame.height == len(posts)
    for never_null in ("abuse", "media_count", "link_count", "terms_contact"):
        assert frame[never_null].null_count() == 0
    signals.keys(batch, MEMBERS)


@pytest.mark.parametrize(
    "text",
    [
        "\u0301",
        "\u202e\u202d",
        "a",
        "\u200b" * 50,
        "مرحبا بالعالم",
        "\U0010ffff",
        "#" * 5_000,
        "@" * 5_000,
        "." * 5_000,
    ],
)
def test_odd_texts_are_measured(signals: Signals, batch: Batches, text: str) -> None:
    assert frame_of(signals.measure(batch(text, "你好"))).height == 2
