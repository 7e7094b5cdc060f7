"""The way of a batch: every record gets one answer, and the answers explain themselves."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from itertools import cycle
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from topics.campaign import decode as read_campaign
from topics.dead_letter import DeadLetter
from topics.decision import Source, decode
from topics.post import Author, Post
from workers.assembly import offline_judge
from workers.batch import Batch
from workers.decoding import arrivals
from workers.judge import AssemblyError, Judge
from workers.metrics import Metrics
from workers.moderate import Moderator
from workers.publishing import Row
from workers.values import Values

DAY = 86_400_000
NOW = 1_790_000_000_000
OFFER = "全场面膜五折限时抢购，今天下单还送小样，数量有限先到先得，加微信 vx8899 领券，售后无忧假一赔十"
SOLICITATION = "同城可约，上门服务，加微信 vx8899 看照片"


def moderate(judge: Judge, records: list[Any]) -> dict[str, list[Row]]:
    return moderated(Moderator(judge, Metrics()), records)


def moderated(moderator: Moderator, records: list[Any]) -> dict[str, list[Row]]:
    partition = records[0].partition
    outputs = asyncio.run(moderator.moderate({partition: records}, {partition: records[0].offset}))
    return outputs.rows[partition]


def test_an_ordinary_post_is_allowed_in_fewer_than_250_bytes(judge: Judge, record: Any, post_bytes: Any) -> None:
    outputs = moderate(judge, [record(7, post_bytes(1), partition=3)])
    (row,) = outputs["posts.allow"]
    assert row.key == b"author-1"
    assert len(row.value or b"") < 250
    decision = decode(row.value or b"")
    assert (decision.id, decision.verdict, decision.policy) == ("post-1", "allow", judge.policy.version)
    assert (decision.source.partition, decision.source.offset) == (3, 7)
    assert not any(rows for topic, rows in outputs.items() if topic != "posts.allow")


def test_a_blocked_post_comes_with_its_reasons_readings_and_the_pieces_that_weighed_most(
    judge: Judge, record: Any, post_bytes: Any
) -> None:
    value = post_bytes(1, SOLICITATION, author={"created_at": NOW - DAY, "followers": 0})
    (row,) = moderate(judge, [record(0, value)])["posts.block"]
    decision = decode(row.value or b"")
    assert decision.category == "solicitation"
    assert decision.rules
    assert all(rule.reason for rule in decision.rules)
    assert decision.signals["solicitation"] == decision.scores["solicitation"] > 0.8
    assert set(decision.scores) == {"abuse", "marketing", "solicitation"} == set(decision.models)
    assert decision.spans
    for span in decision.spans:
        field = SOLICITATION if span.field == "text" else "小王"
        assert 0 <= span.start < span.end <= len(field)
    assert decision.post is not None
    assert decision.post.text == SOLICITATION


def test_what_is_no_post_is_set_aside_and_its_neighbours_are_decided(
    judge: Judge, record: Any, post_bytes: Any
) -> None:
    values = [post_bytes(0), b"{", None, post_bytes(3)]
    outputs = moderate(judge, [record(offset, value) for offset, value in enumerate(values)])
    assert [decode(row.value or b"").source.offset for row in outputs["posts.allow"]] == [0, 3]
    letters = [DeadLetter.from_record(row.value, row.key, row.headers) for row in outputs["posts.dead"]]
    assert [(letter.source_offset, letter.value, letter.reason) for letter in letters] == [
        (1, b"{", "not_json"),
        (2, None, "tombstone"),
    ]


def test_posts_of_several_partitions_are_decided_together_as_each_partition_would_be_alone(
    judge: Judge, record: Any, post_bytes: Any
) -> None:
    # What is stopped is the first of its partition, too.
    texts = (SOLICITATION, OFFER, OFFER)
    fetch = {
        partition: [
            record(offset, b"{" if offset % 7 == partition else post_bytes(offset, text), partition=partition)
            for offset, text in zip(range(10 * partition, 10 * partition + length), cycle(texts))
        ]
        for partition, length in ((2, 9), (0, 1), (5, 12))
    }
    committed = {partition: records[0].offset for partition, records in fetch.items()}
    together = asyncio.run(Moderator(judge, Metrics()).moderate(fetch, committed)).rows
    assert list(together) == list(fetch)
    for partition, records in fetch.items():
        assert together[partition] == moderate(judge, records)
        told = together[partition].pop("posts.campaigns", [])
        assert bool(told) == (partition != 0)
        assert sum(map(len, together[partition].values())) == len(records)


def test_a_text_from_many_accounts_is_a_campaign_told_in_decisions_and_on_a_topic_of_its_own(
    judge: Judge, record: Any, post_bytes: Any
) -> None:
    records = [
        record(number, post_bytes(number, f"{number} {OFFER} {number}", author={"id": f"a{number}"}))
        for number in range(12)
    ]
    outputs = moderate(judge, records)
    told = [read_campaign(row.value or b"") for row in outputs["posts.campaigns"]]
    assert [campaign.accounts for campaign in told] == [5, 10]
    decisions = [
        decode(row.value or b"") for verdict in ("allow", "flag", "block") for row in outputs[f"posts.{verdict}"]
    ]
    assert {each.campaign for each in decisions if each.source.offset >= 4} == {told[0].id} == {told[1].id}
    assert {each.campaign for each in decisions if each.source.offset < 4} == {None}


def test_a_campaign_is_told_by_the_partition_that_it_grew_in(judge: Judge, record: Any, post_bytes: Any) -> None:
    posts = [post_bytes(number, OFFER, author={"id": f"a{number}"}) for number in range(5)]
    fetches = (
        {5: [record(offset, value, partition=5) for offset, value in enumerate(posts[:4])]},
        {
            2: [record(0, post_bytes(9), partition=2)],
            5: [record(4, posts[4], partition=5)],
        },
    )
    moderator = Moderator(judge, Metrics())
    first, second = (asyncio.run(moderator.moderate(fetch, dict.fromkeys(fetch, 0))).rows for fetch in fetches)
    told = {partition: len(rows.get("posts.campaigns", [])) for partition, rows in second.items()}
    assert "posts.campaigns" not in first[5]
    assert told == {2: 0, 5: 1}


def test_a_batch_without_any_post_is_only_dead_letters(judge: Judge, record: Any) -> None:
    outputs = moderate(judge, [record(0, b""), record(1, b"x")])
    assert {topic: len(rows) for topic, rows in outputs.items() if rows} == {"posts.dead": 2}


@pytest.mark.parametrize("raised", [ZeroDivisionError, pl.exceptions.PanicException])
def test_a_post_that_makes_a_step_raise_is_found_and_set_aside_where_it_came_in(
    raised: type[BaseException], judge: Judge, record: Any, post_bytes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = judge._signals.measure

    def fails_on_poison(batch: Batch, wanted: frozenset[str]) -> dict[str, Values]:
        if any("poison" in text for text in batch.texts):
            raise raised
        return measure(batch, wanted)

    monkeypatch.setattr(judge._signals, "measure", fails_on_poison)
    poisoned = {4: (5, 6), 0: (), 1: (0, 7)}
    fetch = {
        partition: [
            record(offset, post_bytes(offset, "poison" if offset in bad else "面条很好吃"), partition=partition)
            for offset in range(9)
        ]
        for partition, bad in poisoned.items()
    }
    outputs = asyncio.run(Moderator(judge, Metrics()).moderate(fetch, dict.fromkeys(fetch, 0))).rows
    for partition, bad in poisoned.items():
        letters = [DeadLetter.from_record(row.value, row.key, row.headers) for row in outputs[partition]["posts.dead"]]
        assert [(letter.source_partition, letter.source_offset, letter.reason) for letter in letters] == [
            (partition, offset, "step_failed") for offset in bad
        ]
        assert [letter.value for letter in letters] == [fetch[partition][offset].value for offset in bad]
        sources = [decode(row.value or b"").source for row in outputs[partition]["posts.allow"]]
        assert sources == [Source(partition, offset) for offset in range(9) if offset not in bad]


def test_where_every_post_fails_none_is_set_aside(
    judge: Judge, record: Any, post_bytes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> dict[str, Values]:
        raise ZeroDivisionError

    monkeypatch.setattr(judge._signals, "measure", fails)
    with pytest.raises(ZeroDivisionError) as raised:
        moderate(judge, [record(0, post_bytes(0))])
    assert raised.value.__context__ is None, "it may quote the post, and a worker that ends logs what it ended by"


def test_what_is_logged_of_a_failed_step_quotes_nothing_of_the_post(
    judge: Judge, record: Any, post_bytes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(batch: Batch, *_: Any) -> dict[str, Values]:
        raise ValueError(batch.texts[0])

    monkeypatch.setattr(judge._signals, "measure", fails)
    monkeypatch.setattr(judge, "check", lambda: None)
    with capture_logs() as logged:
        moderate(judge, [record(7, post_bytes(0, "poison"))])
    [line] = logged
    assert (line["offset"], line["error"]) == (7, "ValueError")
    assert "test_moderate.py" in line["where"]
    assert "poison" not in str(line)


def test_where_a_partition_s_counters_cannot_be_read_its_decisions_go_on_marked_degraded(
    judge: Judge, record: Any, post_bytes: Any, refusing: Any
) -> None:
    values = [post_bytes(0), post_bytes(1, SOLICITATION)]
    fetch = {partition: [record(offset, value) for offset, value in enumerate(values)] for partition in (0, 1, 2)}
    with refusing(judge._counters._store, "apply", 1):
        outputs = asyncio.run(Moderator(judge, Metrics()).moderate(fetch, dict.fromkeys(fetch, 0))).rows
    for partition, of_partition in outputs.items():
        decisions = [decode(row.value or b"") for rows in of_partition.values() for row in rows]
        assert [decision.degraded for decision in decisions] == [partition == 1] * 2


def test_a_policy_that_names_a_model_which_is_not_loaded_is_refused(judge: Judge) -> None:
    judge.scorer.names = ("abuse",)
    with pytest.raises(AssemblyError, match=r"names marketing, solicitation, which no loaded model gives"):
        Judge(judge.policy, judge.scorer, judge._counters, Metrics())


def test_a_record_without_a_time_arrived_when_its_post_was_made(judge: Judge, record: Any, post_bytes: Any) -> None:
    (row,) = moderate(judge, [record(0, post_bytes(1), timestamp=-1)])["posts.allow"]
    assert decode(row.value or b"").arrived_at == NOW


def test_records_without_a_time_are_left_out_of_how_late_posts_are_decided(record: Any) -> None:
    fetch = {0: [record(0, b"", timestamp=NOW), record(1, b"", timestamp=-1)], 1: [record(0, b"", timestamp=NOW + 1)]}
    assert arrivals(fetch).tolist() == [NOW, NOW + 1]


def test_a_date_in_the_future_counts_as_the_arrival() -> None:
    batch = Batch.offline([Post("p", "x", Author("a"), NOW + DAY), Post("q", "x", Author("a"), NOW)])
    batch.arrived_at[:] = NOW
    assert batch.times.tolist() == [NOW, NOW]


VALUES = st.one_of(
    st.none(),
    st.binary(max_size=60),
    st.builds(
        lambda number, text: json.dumps(
            {"id": f"p{number}", "text": text, "author": {"id": f"a{number}"}, "created_at": NOW}
        ).encode(),
        st.integers(0, 9),
        st.text(max_size=60),
    ),
)


@pytest.fixture(scope="module")
def shared_judge() -> Judge:
    return offline_judge(None, None)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(VALUES, min_size=1, max_size=12), start=st.integers(0, 10**9))
def test_whatever_comes_each_record_gets_exactly_one_row(
    values: list[bytes | None], start: int, shared_judge: Judge, record: Any
) -> None:
    records = [record(start + number, value) for number, value in enumerate(values)]
    outputs = moderate(shared_judge, records)
    sources: Counter[int] = Counter()
    for topic, rows in outputs.items():
        for row in rows:
            if topic == "posts.dead":
                sources[int(dict(row.headers)["source_offset"])] += 1
            else:
                sources[decode(row.value or b"").source.offset] += 1
    assert sources == Counter({found.offset: 1 for found in records})


def test_what_is_stopped_is_counted_by_the_category_that_its_decision_tells(
    judge: Judge, record: Any, post_bytes: Any
) -> None:
    metrics = Metrics()
    texts = [SOLICITATION, "今天的面条很好吃", SOLICITATION]
    records = [record(number, post_bytes(number, text)) for number, text in enumerate(texts)]
    outputs = moderated(Moderator(judge, metrics), records)
    told = [decode(row.value or b"").category for topic in ("posts.flag", "posts.block") for row in outputs[topic]]
    assert told == ["solicitation"] * 2
    labels = {"category": "solicitation"}
    assert metrics.registry.get_sample_value("sluicegate_stopped_posts_total", labels) == 2


def test_posts_of_a_campaign_are_counted_as_their_decisions_tell(judge: Judge, record: Any, post_bytes: Any) -> None:
    metrics = Metrics()
    text = (
        "全场清仓大减价只剩今天，运动鞋羽绒服统统五折，扫码进群先领二十元红包，前一百名下单再送同款袜子三双，"
        "老顾客推荐新顾客两人都有礼物，详情请看 https://offer.example/buy"
    )
    links = ["https://offer.example/buy"]
    records = [record(number, post_bytes(number, text, links=links)) for number in range(12)]
    records.append(record(12, post_bytes(12)))
    outputs = moderated(Moderator(judge, metrics), records)
    told = outputs.pop("posts.campaigns", [])
    decisions = [decode(row.value or b"") for rows in outputs.values() for row in rows]
    counted = metrics.registry.get_sample_value("sluicegate_campaign_posts_total")
    assert counted == sum(decision.campaign is not None for decision in decisions) > 0
    assert metrics.registry.get_sample_value("sluicegate_campaigns_told_total") == len(told) > 0
