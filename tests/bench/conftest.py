"""Makes the benches importable: they are a program of the tests, `python -m bench`.

Not by sys.path, for the folders beside this one have the names of the packages.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).parent
if "bench" not in sys.modules:
    found = importlib.util.spec_from_file_location(
        "bench", HERE / "__init__.py", submodule_search_locations=[str(HERE)]
    )
    assert found
    assert found.loader
    sys.modules["bench"] = importlib.util.module_from_spec(found)
    found.loader.exec_module(sys.modules["bench"])
