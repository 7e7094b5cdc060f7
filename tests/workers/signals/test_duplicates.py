from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.grammar import labelled_texts, variation
from topics.post import Author, Post
from workers.batch import Batch
from workers.signals.duplicates import (
    BANDS,
    ROWS,
    Duplicates,
    band_keys,
    campaigns,
    fingerprints,
    lasting_grams,
    minima,
    permutations,
)

Batches = Callable[..., Batch]
OFFER = "春季新品上架，手工羊毛围巾全场五折，前一百名下单的朋友再送同款手套一双，详情请看主页置顶"
ENGLISH_OFFER = (
    "Handmade wool scarves are half price all week and the first hundred orders get matching gloves for free"
)


def batch_of(texts: list[str]) -> Batch:
    return Batch.offline([Post(id="p", text=text, author=Author(id="a"), created_at=1) for text in texts])


def share_a_key(texts: list[str]) -> NDArray[np.bool_]:
    """For each text: does it share a campaign key with the first?"""
    keys = campaigns(batch_of(texts))
    shared: NDArray[np.bool_] = ((keys == keys[0]) & (keys > 0)).any(axis=1)
    return shared


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
    assert not campaigns(one).any()


@pytest.mark.parametrize("text", ["加我好友领取今日红包福利", "Add me now and claim your free bonus today"])
def test_a_short_sentence_has_a_fingerprint(batch: Batches, text: str) -> None:
    assert fingerprints(batch(text))[0] > 0


@pytest.mark.parametrize("offer", [OFFER, ENGLISH_OFFER])
def test_what_differs_in_links_mentions_tags_and_numbers_shares_every_key(offer: str) -> None:
    changed = [
        f"{offer} https://a.example.com/x1",
        f"{offer} 13800138000 #围巾#",
        f"@小明 {offer} #wool",
        f"@ann.lee {offer} http://b.example.org/9 88",
    ]
    keys = campaigns(batch_of([f"{offer} ", *changed]))
    assert ((keys == keys[0]).sum(axis=1) >= BANDS - 3).all()


def test_sentences_in_another_order_share_a_key() -> None:
    parts = OFFER.split("，")
    assert share_a_key([OFFER, "，".join(reversed(parts)), "！".join(parts[2:] + parts[:2])]).all()


def test_nine_in_ten_variations_of_a_text_of_forty_characters_share_a_key_with_it() -> None:
    found = []
    for offer in labelled_texts(200, seed=3, labels=["marketing"]):
        if len(offer.text) >= 40 and share_a_key([offer.text])[0]:
            rng = np.random.default_rng(4)
            found.append(
                share_a_key([offer.text, *(variation(offer.text, rng, strength=0.75) for _ in range(40))]).mean()
            )
    assert np.mean(found) > 0.9


def test_texts_of_another_matter_share_none() -> None:
    texts = [row.text for row in labelled_texts(4_000, seed=11, labels=["chatter"])]
    keys = campaigns(batch_of(list(dict.fromkeys(texts))))
    keyed = keys[keys[:, 0] > 0]
    pairs = sum(
        int((counts * (counts - 1)).sum()) for counts in (np.unique(band, return_counts=True)[1] for band in keyed.T)
    )
    assert pairs / (BANDS * len(keyed) ** 2) < 1e-4


@pytest.mark.parametrize("similarity", [0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9])
def test_sharing_follows_the_curve_of_bands_and_rows(similarity: float) -> None:
    rng = np.random.default_rng(8)
    pairs, size = 3_000, 60
    common = round(2 * size * similarity / (1 + similarity))
    exact = common / (2 * size - common)
    grams = rng.integers(1, 2**32, (pairs, 2, size), dtype=np.uint32)
    grams[:, 1, :common] = grams[:, 0, :common]
    starts = np.arange(0, grams.size, size)
    keys = band_keys(minima(grams.ravel(), starts, BANDS * ROWS), BANDS).reshape(pairs, 2, BANDS)
    found = (keys[:, 0] == keys[:, 1]).any(axis=1).mean()
    assert found == pytest.approx(1 - (1 - exact**ROWS) ** BANDS, abs=0.03)


def test_permutations_are_bijections_and_differ() -> None:
    flips, factors = permutations(BANDS * ROWS)
    assert (factors % 2 == 1).all()
    assert len(set(zip(flips.tolist(), factors.tolist(), strict=True))) == BANDS * ROWS


def test_grams_of_what_changes_are_left_out() -> None:
    plain, dressed = "手工羊毛围巾全场五折", "手工羊毛围巾全场五折 https://example.com/a1 @bob #围巾#"
    grams, starts, _ = lasting_grams(batch_of([plain, dressed]))
    assert grams[: starts[1]].tolist() == grams[starts[1] :].tolist()


ODD = st.text(alphabet="ab 12加微信.哈\u0301😀ก@#\nhtps:/é", max_size=90)


@settings(max_examples=60)
@given(st.lists(st.one_of(ODD, st.text(max_size=40)), max_size=6))
def test_a_text_has_the_same_keys_alone_and_in_any_batch(texts: list[str]) -> None:
    batch = batch_of([OFFER, *texts, OFFER])
    fingers, keys = fingerprints(batch), campaigns(batch)
    assert fingers[0] == fingers[-1]
    assert (keys[0] == keys[-1]).all()
    for row, text in enumerate(texts, start=1):
        alone = batch_of([text])
        assert fingerprints(alone).tolist() == [fingers[row]]
        assert campaigns(alone).tolist() == [keys[row].tolist()]


def test_fingerprints_and_keys_stay_the_same_for_ever() -> None:
    """Counters outlive the process: other values would start them anew."""
    assert fingerprints(batch_of([OFFER])).tolist() == [15737523551969826158]
    keys = band_keys(minima(np.arange(1, 61, dtype=np.uint32), np.array([0]), BANDS * ROWS), BANDS)
    assert keys[0, :2].tolist() == [12651018588035108807, 17446532778852057589]
