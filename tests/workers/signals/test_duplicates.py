from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topics.post import Author, Post
from workers.batch import Batch
from workers.signals.duplicates import Duplicates, fingerprints

Batches = Callable[..., Batch]
OFFER = "春季新品上架，手工羊毛围巾全场五折，前一百名下单的朋友再送同款手套一双，详情请看主页置顶"


def batch_of(texts: list[str]) -> Batch:
    return Batch.offline([Post(id="p", text=text, author=Author(id="a"), created_at=1) for text in texts])


def test_the_same_text_has_the_same_fingerprint_however_it_is_spelled(batch: Batches) -> None:
    one, two, three, other = (
        Duplicates()
        .measure(
            batch(
                "Limited offer, do not miss your discount today",
                "LIMITED  offer... do not miss your ｄｉｓｃｏｕｎｔ today!!!",
                "Lim\u200bited offer / do not miss your discount to-day",
                "Limited offer, do not miss your discount tomorrow",
            )
        )["fingerprint"]
        .to_list()
    )
    assert one == two == three != other


def test_order_counts_in_a_fingerprint(batch: Batches) -> None:
    first, second = fingerprints(batch("上海的朋友请联系北京的同事来办理", "北京的朋友请联系上海的同事来办理"))
    assert first != second


@pytest.mark.parametrize(
    "text",
    [
        "",
        "。",
        "哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈",
        "哈呵哈呵哈呵哈呵哈呵哈呵哈呵哈呵哈呵哈呵",
        "生日快乐生日快乐生日快乐生日快乐生日快乐",
        "新年快乐，万事如意",
        "good morning everyone!",
        "Happy New Year to you!!!",
        "66666666666666666666666666666666666666",
        "😂😂😂😂😂😂😂😂😂😂😂😂",
    ],
)
def test_laughter_and_greetings_have_no_key(batch: Batches, text: str) -> None:
    one = batch(text)
    assert Duplicates().measure(one)["fingerprint"].to_list() == [None]


@pytest.mark.parametrize("text", ["加我好友领取今日红包福利", "Add me now and claim your free bonus today"])
def test_a_short_sentence_has_a_fingerprint(batch: Batches, text: str) -> None:
    assert fingerprints(batch(text))[0] > 0


ODD = st.text(alphabet="ab 12加微信.哈\u0301😀ก@#\nhtps:/é", max_size=90)


@settings(max_examples=60)
@given(st.lists(st.one_of(ODD, st.text(max_size=40)), max_size=6))
def test_a_text_has_the_same_fingerprint_alone_and_in_any_batch(texts: list[str]) -> None:
    batch = batch_of([OFFER, *texts, OFFER])
    fingers = fingerprints(batch)
    assert fingers[0] == fingers[-1]
    for row, text in enumerate(texts, start=1):
        alone = batch_of([text])
        assert fingerprints(alone).tolist() == [fingers[row]]


def test_fingerprints_stay_the_same_for_ever() -> None:
    """Counters outlive the process: other values would start them anew."""
    assert fingerprints(batch_of([OFFER])).tolist() == [15737523551969826158]
