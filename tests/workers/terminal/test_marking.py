"""Hostile text on a terminal."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from topics.decision import Span
from workers.terminal.marking import MARK, marked, visible


@given(st.text())
def test_nothing_that_steers_a_terminal_comes_through_and_offsets_stay(text: str) -> None:
    shown = visible(text)
    assert len(shown) == len(text)
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in shown)


def test_an_escape_sequence_and_a_bidirectional_override_are_replaced() -> None:
    assert visible("a\x1b[31mb\u202ec") == "a·[31mb·c"


def test_the_span_of_the_text_is_marked_and_that_of_the_name_is_not() -> None:
    spans = [Span("text", 2, 4, "marketing", 1.0), Span("name", 0, 1, "marketing", 1.0)]
    text = marked("abcdef", spans)
    assert [(span.start, span.end) for span in text.spans if span.style == MARK] == [(2, 4)]


def test_a_long_text_is_cut_around_what_weighed_most() -> None:
    shown = marked("x" * 500 + "KEY" + "y" * 500, [Span("text", 500, 503, "abuse", 1.0)], width=60).plain
    assert "KEY" in shown
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert len(shown) == 62


@given(st.text(max_size=100), st.integers(0, 100), st.integers(0, 100), st.integers(1, 80))
def test_any_span_in_any_text_can_be_shown(text: str, start: int, length: int, width: int) -> None:
    assert len(marked(text, [Span("text", start, start + length, "abuse", 1.0)], width=width)) <= width + 2
