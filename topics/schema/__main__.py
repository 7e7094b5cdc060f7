"""`python -m topics.schema` writes the generated schemas anew."""

from __future__ import annotations

from topics.schema import write

if __name__ == "__main__":
    for path in write():
        print(f"wrote {path}")
