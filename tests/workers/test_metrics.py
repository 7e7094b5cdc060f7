"""Metrics: whole columns at once, in Prometheus' own format."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from workers.metrics import ColumnHistogram, Metrics

BOUNDS = (0.1, 1.0, 10.0)


@given(st.lists(st.floats(0, 100, allow_nan=False)))
def test_a_column_histogram_counts_what_the_library_counts_value_by_value(values: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    column = ColumnHistogram("seconds", "x", BOUNDS, ours)
    column.observe(np.array(values))
    single = Histogram("seconds", "x", buckets=BOUNDS, registry=theirs)
    for value in values:
        single.observe(value)
    for bound in ("0.1", "1.0", "10.0", "+Inf"):
        sample = ("seconds_bucket", {"le": bound})
        assert ours.get_sample_value(*sample) == theirs.get_sample_value(*sample)
    assert ours.get_sample_value("seconds_count") == len(values)


def test_a_date_in_the_future_takes_nothing_off_a_sum() -> None:
    registry = CollectorRegistry()
    column = ColumnHistogram("seconds", "x", BOUNDS, registry)
    column.observe(np.array([2.0, -2_000_000_000.0]))
    assert registry.get_sample_value("seconds_sum") == 2.0
    assert registry.get_sample_value("seconds_bucket", {"le": "0.1"}) == 1


def test_a_stage_is_timed() -> None:
    metrics = Metrics()
    with metrics.timed("decode"):
        pass
    assert metrics.registry.get_sample_value("sluicegate_stage_seconds_count", {"stage": "decode"}) == 1


def test_the_versions_are_told() -> None:
    metrics = Metrics()
    metrics.name_versions("0.1.0", "2026-11-24.1", "digest", {"abuse": "1"})
    [sample] = [sample for family in metrics.versions.collect() for sample in family.samples]
    labels = dict(sample.labels)
    assert len(labels.pop("set")) == 8
    assert labels == {"worker": "0.1.0", "policy": "2026-11-24.1", "model_abuse": "1"}


def test_a_policy_that_was_changed_under_the_same_name_is_another_set() -> None:
    def set_of(digest: str) -> str:
        metrics = Metrics()
        metrics.name_versions("0.1.0", "1", digest, {})
        [sample] = [sample for family in metrics.versions.collect() for sample in family.samples]
        return sample.labels["set"]

    assert set_of("one") == set_of("one") != set_of("two")
