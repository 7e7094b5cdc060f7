"""Showing hostile text on a terminal: nothing in it may steer the terminal, and what weighed most stands out."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from rich.text import Text

from topics.decision import Span

STAND_IN = "·"
STYLES = {"allow": "green", "flag": "yellow", "block": "bold red", "dead": "magenta"}
MARK = "bold reverse"


def visible(text: str) -> str:
    """The text with each control, format, bidirectional or unassigned character replaced, one for one.

    Offsets stay what they were.
    """
    if text.isprintable():
        return text
    return "".join(STAND_IN if unicodedata.category(char)[0] in "CZ" and char != " " else char for char in text)


def marked(text: str, spans: Iterable[Span], field: str = "text", width: int | None = None) -> Text:
    """The text with `spans` of its `field` marked; cut to about `width` code points around the first of them."""
    shown = Text(visible(text))
    ours = [span for span in spans if span.field == field]
    for span in ours:
        shown.stylize(MARK, span.start, span.end)
    if width is None or len(shown) <= width:
        return shown
    first = max(0, min((span.start for span in ours), default=0) - width // 3)
    first = min(first, len(shown) - width)
    cut = shown[first : first + width]
    return Text.assemble("…" if first else "", cut, "…" if first + width < len(shown) else "")
