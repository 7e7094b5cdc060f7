"""Hostile environments: settings, or a SettingsError that shows no secret; never another exception."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from workers.connection import redis_arguments, security_arguments
from workers.settings import PREFIX, SECRET_FILES, Settings, SettingsError, load_settings

VALUES = (
    "", " ", "0", "-1", "1", "1.5", "1e9", "9" * 400, "nan", "inf", "-inf", "true", "null", "[]", "{}", "{", '"',
    "\n", "\x1b[2J", "\udcff", "\u202e", "\u0661", "localhost", "localhost:", ":9092", "[::1]:9092", "a:1,b:2",
    "a:1,,b:2", "a:\u00b2", "host:99999999", "redis://", "redis://:@/", "redis://h:x/0",
    "rediss://u:p@[::1]:6379/1?x=y", "unix:///nowhere", "http://h", "redis://[::1", "SASL_SSL", "SSL", "PLAINTEXT",
    "PLAIN", "SCRAM-SHA-256", "exactly_once", "at_least_once", "/", "/dev/null", "/nowhere/x", "~", ".", "x" * 5_000,
    "../" * 50, "info", "debug", "0.0.0.0", "::", "70000",
)  # fmt: skip
SECRET = "open-sesame-17"
pytestmark = pytest.mark.usefixtures("no_settings")


def test_any_environment_gives_settings_or_a_settings_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    chance = random.Random(10)
    names = [name.upper() for name in Settings.model_fields] + [f"{name}_FILE" for name in SECRET_FILES] + ["POLIYC"]
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    (tmp_path / "bytes").write_bytes(b"\xff\x00\xfe")
    values = (*VALUES, str(tmp_path), str(tmp_path / "secret"), str(tmp_path / "bytes"))
    sound = 0
    for _ in range(1_000):
        with monkeypatch.context() as context:
            for name in chance.sample(names, chance.choice((1, 1, 2, 4, 8))):
                context.setenv(PREFIX + name, SECRET if name.endswith("PASSWORD") else chance.choice(values))
            sound += _load()
    assert 40 < sound < 850


def _load() -> bool:
    try:
        settings = load_settings()
    except SettingsError as error:
        lines = str(error).splitlines()
        wrong = str(error)
    else:
        assert SECRET not in repr(settings)
        assert SECRET not in str(settings)
        security_arguments(settings)
        redis_arguments(settings)
        return True
    assert lines
    assert SECRET not in wrong
    return False
