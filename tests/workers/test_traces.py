"""Traces: a post's trace goes on with what becomes of it."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.judge import Judge
from workers.metrics import Metrics
from workers.moderate import Moderator
from workers.traces import LONGEST, OpenTelemetry, TracesError, trace_context

TRACE = ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
STATE = ("tracestate", b"vendor=1")


def test_a_decision_and_a_dead_letter_carry_the_trace_context_of_their_own_record(
    judge: Judge, record: Any, post_bytes: Any
) -> None:
    bad = post_bytes(3, "同城可约，上门服务，加微信 vx8899 看照片")
    fetch = {
        0: [
            record(5, post_bytes(1), headers=(("app", b"ios"), TRACE, STATE)),
            record(6, post_bytes(2)),
            record(7, bad, headers=((TRACE[0], b"00-stopped"),)),
            record(8, b"{", headers=((TRACE[0], b"00-dead"),)),
        ],
        1: [record(5, post_bytes(4), headers=((TRACE[0], b"00-other partition"),))],
    }
    rows = asyncio.run(Moderator(judge, Metrics()).moderate(fetch, {0: 5, 1: 5})).rows
    assert [row.headers for row in rows[0]["posts.allow"]] == [[TRACE, STATE], []]
    [stopped] = rows[0]["posts.flag"] + rows[0]["posts.block"]
    assert stopped.headers == [(TRACE[0], b"00-stopped")]
    assert rows[0]["posts.dead"][0].headers[-1] == (TRACE[0], b"00-dead")
    assert [row.headers for row in rows[1]["posts.allow"]] == [[(TRACE[0], b"00-other partition")]]


@given(st.lists(st.tuples(st.sampled_from(["traceparent", "tracestate", "x", ""]), st.none() | st.binary())))
def test_of_any_headers_only_a_trace_context_that_says_something_goes_on(headers: list[tuple[str, Any]]) -> None:
    kept = trace_context(headers)
    assert all(header in headers and header[0] in ("traceparent", "tracestate") and header[1] for header in kept)
    assert all(header in kept for header in headers if header[0] == "traceparent" and header[1])


def test_a_header_that_is_too_long_is_left_behind() -> None:
    assert trace_context([("tracestate", b"x" * (LONGEST + 1)), TRACE]) == [TRACE]


def test_without_the_extra_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(TracesError, match=r"sluicegate\[otel\]"):
        OpenTelemetry("http://127.0.0.1:4318/v1/traces")
