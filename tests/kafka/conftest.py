"""Makes the chaos suite importable: it is a program of the tests, `python -m chaos`, and not a test module."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
