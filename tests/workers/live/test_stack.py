"""What a run tells of its services."""

from __future__ import annotations

import pytest

from workers.live.stack import without_secrets


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("rediss://worker:open@sesame@redis.example:6380/0", "redis.example:6380/0"),
        ("redis://:open?sesame@redis.example/0", "redis.example/0"),
        ("redis://redis.example/0?password=sesame", "redis://redis.example/0"),
    ],
)
def test_a_redis_is_told_without_its_password(url: str, told: str) -> None:
    assert without_secrets(url) == told
