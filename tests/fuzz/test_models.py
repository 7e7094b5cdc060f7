"""Hostile model folders: a RegistryError before anything is opened, never another exception."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from models.char_grams import CharGrams
from models.registry import Registry, RegistryError
from models.scorer import Scorer
from workers.cli import command

TEXTS, TRUTH = ["buy now", "good day", "cheap sale", "see you"], [1, 0, 1, 0]
PATHS = (
    "", ".", "..", "/", "spam", "spam/..", "../x", "spam/../../x", "/etc/hostname", "C:\\x", "a\\..\\b", "~/x",
    "\x00", "a/\x00", "x" * 300, "x/" * 3_000, "%2e%2e/x", "file:///etc/hostname", "spam//model.joblib", "./spam",
    "\u202e", "manifest.json", "con", " ", "\n", "*", "pipe",
)  # fmt: skip


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, dict[str, Any]]:
    """The bytes of a model and the manifest that lists it."""
    folder = tmp_path_factory.mktemp("sound")
    pipeline = make_pipeline(CharGrams(bits=8), LogisticRegression()).fit(TEXTS, TRUTH)
    entry = Registry(folder, create=True).add("spam", pipeline, "text", "2026-01-02")
    return (folder / entry.file).read_bytes(), json.loads((folder / "manifest.json").read_bytes())


Write = Callable[[bytes, Any], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a folder of one model: its bytes, and the manifest's bytes or what they stand for."""

    def write_folder(content: bytes, manifest: Any) -> Path:
        entry = {"file": "spam/1/model.joblib"}
        if isinstance(manifest, dict) and isinstance(manifest.get("models"), list) and manifest["models"]:
            entry = manifest["models"][0]
        file = tmp_path / "model" / str(entry.get("file"))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        raw = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
        (tmp_path / "model" / "manifest.json").write_bytes(raw)
        return tmp_path / "model"

    return write_folder


def outcome(folder: Path) -> str:
    """What is said of a folder that cannot be used; empty when it can."""
    try:
        Scorer.load(folder)
    except RegistryError as error:
        return str(error)
    return ""


def listed(manifest: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**manifest, "models": [{**manifest["models"][0], **fields}]}


def test_what_is_sound_loads(sound: Any, write: Write) -> None:
    assert outcome(write(*sound)) == ""


def test_a_changed_model_is_not_opened(sound: Any, write: Write) -> None:
    content, manifest = sound
    chance = random.Random(5)
    for _ in range(300):
        made = bytearray(content)
        match chance.randrange(3):
            case 0:
                made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
            case 1:
                del made[chance.randrange(len(made)) :]
            case _:
                made += chance.randbytes(chance.randrange(1, 50))
        assert "was changed after it was listed" in outcome(write(bytes(made), manifest))


def test_a_listed_file_that_is_no_model_is_refused_and_not_a_traceback(sound: Any, write: Write) -> None:
    content, manifest = sound
    chance = random.Random(6)
    whole = [chance.randbytes(chance.randrange(200)) for _ in range(60)]
    # The last bytes are a checksum: a model that lacks no more than these is whole.
    cut = [content[: chance.randrange(len(content) - 16)] for _ in range(60)]
    for made in (b"", b"\x80\x05N.", b"PK\x03\x04", b"\x1f\x8b", content[:2], *whole, *cut):
        digest = hashlib.sha256(made).hexdigest()
        assert "spam" in outcome(write(made, listed(manifest, sha256=digest)))


@pytest.mark.parametrize("model", [{"a": 1}, "text", LogisticRegression(), CharGrams(bits=8), None])
def test_a_listed_object_that_scores_no_text_is_refused(model: Any, sound: Any, write: Write, tmp_path: Path) -> None:
    joblib.dump(model, tmp_path / "other")
    content = (tmp_path / "other").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert "spam" in outcome(write(content, listed(sound[1], sha256=digest)))


class Payload:
    """A pickle that makes a folder when it is opened."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.trace),)


def test_a_pickle_that_runs_code_is_refused_unopened_by_every_way_in(sound: Any, write: Write, tmp_path: Path) -> None:
    trace = tmp_path / "was-run"
    joblib.dump(Payload(trace), tmp_path / "payload")
    payload = (tmp_path / "payload").read_bytes()
    manifest = sound[1]
    other = hashlib.sha256(payload).hexdigest()
    entry = manifest["models"][0]
    tricks = [
        manifest,
        listed(manifest, sha256=other[:-1] + "x"),
        listed(manifest, sha256=other.upper() + " "),
        listed(manifest, sha256=""),
        listed(manifest, sha256=other, name="other"),
        {**manifest, "models": [entry, {**entry, "sha256": other}]},
        {**manifest, "models": [{**entry, "version": "2", "sha256": other}, entry]},
    ]
    for number, trick in enumerate(tricks):
        folder = write(payload, trick)
        assert outcome(folder), number
        for arguments in (["models", "list", "--models"], ["score", "--text", "x", "--models"]):
            result = CliRunner().invoke(command, [*arguments, str(folder)])
            assert result.exception is None or isinstance(result.exception, SystemExit), (number, arguments)
        assert not trace.exists(), number


@pytest.mark.timeout(30)
@pytest.mark.parametrize("path", PATHS)
def test_no_path_of_a_manifest_leads_to_an_unlisted_file(path: str, sound: Any, write: Write, tmp_path: Path) -> None:
    content, manifest = sound
    (tmp_path / "x").write_bytes(content)
    folder = write(content, manifest)
    os.mkfifo(folder / "pipe")
    (folder / "manifest.json").write_text(json.dumps(listed(manifest, file=path)))
    assert "spam" in outcome(folder)


nothing = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6))
values = st.recursive(
    st.one_of(nothing, st.sampled_from(PATHS), st.sampled_from(["spam", "text", "1", "0" * 64, "2026-01-02"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
entries = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("name", "version", "file", "sha256", "input", "sklearn", "trained"), values),
)
within = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@within
@given(changes=entries, current=st.one_of(st.none(), values))
def test_any_manifest_gives_models_or_a_registry_error(changes: Any, current: Any, sound: Any, write: Write) -> None:
    content, manifest = sound
    folder = write(content, manifest)
    made = listed(manifest, **changes) | ({"current": current} if current is not None else {})
    (folder / "manifest.json").write_text(json.dumps(made))
    outcome(folder)


@within
@given(position=st.floats(0, 0.999), change=st.binary(max_size=4), cut=st.booleans())
def test_any_bytes_of_a_manifest_give_models_or_a_registry_error(
    position: float, change: bytes, cut: bool, sound: Any, write: Write
) -> None:
    content, manifest = sound
    raw = json.dumps(manifest).encode()
    at = int(position * len(raw))
    outcome(write(content, raw[:at] + change + (b"" if cut else raw[at + len(change) :])))


@pytest.mark.parametrize("raw", [b"[" * 200_000, b'{"a":' * 200_000, b"\xff\xfe", b"\xef\xbb\xbf{}", b"{}", b"null"])
def test_a_manifest_too_deep_or_none_is_refused_in_one_line(raw: bytes, sound: Any, write: Write) -> None:
    folder = write(sound[0], raw)
    result = CliRunner().invoke(command, ["score", "--text", "x", "--models", str(folder)])
    if raw != b"{}":
        assert result.exit_code == 1
        assert result.output.startswith("Error: cannot read")
        assert result.output.count("\n") == 1
    else:
        assert result.exception is None or isinstance(result.exception, SystemExit)
