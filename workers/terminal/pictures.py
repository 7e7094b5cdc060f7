"""Pictures of what a terminal would show."""

from __future__ import annotations

import os
import re
from pathlib import Path

from rich.console import Console

WIDTH = 140


def recording(width: int = WIDTH) -> Console:
    """A console that shows nothing and keeps what is printed on it."""
    # Never closed, as long as the console may be printed on.
    nowhere = Path(os.devnull).open("w")  # noqa: SIM115
    return Console(record=True, width=width, file=nowhere, force_terminal=True, markup=False, highlight=False)


def save(console: Console, title: str, file: Path) -> None:
    """Write what was printed on a recording console as an SVG."""
    picture = console.export_svg(title=title)
    # A picture that fetches nothing: the reader's own monospaced font will do.
    file.write_text(re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL))
