"""What the tests of topics share."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

MakePost = Callable[..., bytes]


@pytest.fixture(scope="session")
def post_bytes() -> MakePost:
    """Makes the bytes of an ordinary post; keyword arguments replace or add fields, `...` leaves one out."""

    def make(**fields: Any) -> bytes:
        post = {
            "id": "p-1",
            "text": "good morning from the harbour",
            "author": {"id": "a-1", "name": "Lin"},
            "created_at": 1_764_000_000_000,
            **fields,
        }
        return json.dumps({name: value for name, value in post.items() if value is not ...}).encode()

    return make
