"""Lines of text files that people hand over."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator


def without_mark(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a file without the byte-order mark that Windows puts before the first."""
    for number, line in enumerate(lines):
        yield line if number else line.removeprefix(BOM_UTF8)
