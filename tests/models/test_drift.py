"""Drift: an index that is small for more of the same and large for something else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.drift import (
    BINS,
    EDGES,
    LEAST_POSTS,
    binned,
    read_references,
    stability_index,
    write_reference,
)
from models.registry import SHIPPED, Entry, Registry, RegistryError

histograms = st.lists(st.integers(0, 10**6), min_size=BINS, max_size=BINS).filter(lambda counts: sum(counts) > 0)
ENTRY = Entry(name="abuse", version="1", file="f", sha256="0", input="text", sklearn="1.9.1", trained="2026-11-24")


@given(st.lists(st.floats(0, 1, width=32), max_size=200))
def test_every_score_is_in_the_bin_that_its_edges_say(scores: list[float]) -> None:
    counts = binned(np.array(scores, np.float32))
    edges = [-1.0, *EDGES.tolist(), 2.0]
    by_hand = [sum(low < score <= high for score in scores) for low, high in pairwise(edges)]
    assert counts.tolist() == by_hand


@given(histograms, histograms)
def test_the_index_is_never_negative_and_the_same_both_ways(one: list[int], other: list[int]) -> None:
    index = stability_index(np.array(one), np.array(other))
    assert index >= 0
    assert index == pytest.approx(stability_index(np.array(other), np.array(one)))


def test_the_index_is_what_the_textbook_says() -> None:
    then, now = np.zeros(BINS), np.zeros(BINS)
    then[:2], now[:2] = (500_000, 500_000), (700_000, 300_000)
    by_hand = (0.7 - 0.5) * np.log(0.7 / 0.5) + (0.3 - 0.5) * np.log(0.3 / 0.5)
    assert stability_index(now, then) == pytest.approx(by_hand, abs=1e-4)


def test_an_empty_bin_counts_as_half_a_post() -> None:
    then, now = np.zeros(BINS), np.zeros(BINS)
    then[0] = now[-1] = 1
    assert stability_index(now, then) == pytest.approx(2 / (1 + BINS / 2) * np.log(3))


def test_two_samples_of_one_stream_are_steady_and_another_stream_is_not() -> None:
    rng = np.random.default_rng(1)
    then, now, other = rng.beta(1, 9, 20_000), rng.beta(1, 9, 5_000), rng.beta(2, 4, 5_000)
    assert stability_index(binned(now), binned(then)) < 0.01
    assert stability_index(binned(other), binned(then)) > 0.25


def test_a_reference_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    scores = np.random.default_rng(1).random(LEAST_POSTS)
    assert write_reference(tmp_path, ENTRY, "some posts", scores)
    kept = read_references(tmp_path)["abuse"]
    assert (kept.version, kept.posts, kept.counts) == ("1", "some posts", binned(scores).tolist())


def test_the_same_references_are_the_same_file_whichever_was_kept_first(tmp_path: Path) -> None:
    files = []
    for names in (("abuse", "spam"), ("spam", "abuse")):
        folder = tmp_path / names[0]
        folder.mkdir()
        for name in names:
            write_reference(folder, msgspec.structs.replace(ENTRY, name=name), "some posts", np.zeros(LEAST_POSTS))
        files.append((folder / "scores.json").read_bytes())
    assert files[0] == files[1]


def test_references_that_are_written_at_once_are_all_kept(tmp_path: Path) -> None:
    entries = [msgspec.structs.replace(ENTRY, name=f"model{number}") for number in range(8)]
    with ThreadPoolExecutor(len(entries)) as threads:
        list(threads.map(lambda entry: write_reference(tmp_path, entry, "posts", np.zeros(LEAST_POSTS)), entries))
    assert read_references(tmp_path).keys() == {entry.name for entry in entries}


def test_too_few_posts_are_no_reference(tmp_path: Path) -> None:
    assert not write_reference(tmp_path, ENTRY, "few", np.zeros(LEAST_POSTS - 1))
    assert read_references(tmp_path) == {}


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b'{"abuse": {"version": "1", "posts": "", "counts": [1, 2]}}', b'{"abuse": "\xff"}'],
)
def test_a_file_that_holds_no_references_is_told_with_what_to_do_and_that_helps(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "scores.json").write_bytes(content)
    with pytest.raises(RegistryError, match="models reference"):
        read_references(tmp_path)
    assert write_reference(tmp_path, ENTRY, "some posts", np.zeros(LEAST_POSTS))
    assert read_references(tmp_path).keys() == {"abuse"}


def test_a_reference_that_cannot_be_written_leaves_those_that_are_there(tmp_path: Path) -> None:
    write_reference(tmp_path, ENTRY, "some posts", np.zeros(LEAST_POSTS))
    (tmp_path / "scores.json.new").mkdir()
    with pytest.raises(IsADirectoryError):
        write_reference(tmp_path, ENTRY, "other posts", np.zeros(LEAST_POSTS))
    assert read_references(tmp_path)["abuse"].posts == "some posts"


def test_every_served_model_that_ships_has_a_reference_of_its_version() -> None:
    references = read_references(SHIPPED)
    assert {name: reference.version for name, reference in references.items()} == Registry().manifest.current, (
        "sluicegate simulate --count 100000 --seed 7 > posts.jsonl; sluicegate models reference posts.jsonl"
    )
