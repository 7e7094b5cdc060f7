"""Lines of text files that people hand over."""

from __future__ import annotations

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator
from errno import EILSEQ


def without_mark(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a file without the byte-order mark that Windows puts before the first.

    Raises OSError where the mark says UTF-16, of which every line would else be told as malformed.
    """
    for number, line in enumerate(lines):
        if not number and line.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
            raise OSError(EILSEQ, "it is UTF-16; save it as UTF-8", getattr(lines, "name", None))
        yield line if number else line.removeprefix(BOM_UTF8)
