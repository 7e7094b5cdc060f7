"""The registry: a folder of fitted pipelines, and a manifest that says which of them may be opened.

A joblib file is a pickle: whoever can change it runs code in the worker. So a file is read once, its SHA-256 is
compared with the manifest's, and only then are those very bytes unpickled. What the manifest does not list is
never opened.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import re
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from models.documents import Reads

SHIPPED = Path(__file__).with_name("artifacts")
MANIFEST = "manifest.json"
LOCK = ".lock"
MAX_PATH, MAX_PART = 1_000, 255
"""Characters of a path and bytes of one part of it: longer ones no file system takes."""
MODEL_FILE, CARD_FILE = "model.joblib", "CARD.md"
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,39}")


class RegistryError(Exception):
    """A model may not or cannot be loaded; the message says what to do."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one model. file: path in the registry. input: what it reads. trained: ISO date. layout: the
    `models.grams.LAYOUT` it was trained on, 0 for a pipeline that reads no grams of ours."""

    name: str
    version: str
    file: str
    sha256: str
    input: Reads
    sklearn: str
    trained: str
    layout: int = 0


class Manifest(msgspec.Struct, kw_only=True):
    """current: model name -> the version that is served. models: every version that may be opened."""

    current: dict[str, str] = {}
    models: list[Entry] = []


class Registry:
    """The models in one folder. RegistryError if its manifest cannot be read or contradicts itself."""

    def __init__(self, directory: Path = SHIPPED, *, create: bool = False) -> None:
        self.directory = directory
        if create and not (directory / MANIFEST).exists():
            try:
                directory.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise RegistryError(f"{directory} cannot be made: {error.strerror}") from None
            self.manifest = Manifest()
            return
        self.manifest = read_manifest(directory / MANIFEST)

    def names(self) -> list[str]:
        """The models that are served, by name."""
        return sorted(self.manifest.current)

    def entry(self, name: str, version: str | None = None) -> Entry:
        """A version of a model; the served one if none is named. RegistryError if there is none."""
        wanted = version or self.manifest.current.get(name)
        for entry in self.manifest.models:
            if (entry.name, entry.version) == (name, wanted):
                return entry
        known = ", ".join(f"{entry.name} {entry.version}" for entry in self.manifest.models) or "none"
        raise RegistryError(f"no model {name} {version or ''} in {self.directory}; it holds: {known}")

    def load(self, entry: Entry) -> Any:
        """The fitted pipeline of a listed entry. RegistryError if its file is not the one that was listed."""
        content = self.checked_bytes(entry)
        import joblib
        import sklearn
        from sklearn.exceptions import InconsistentVersionWarning

        if entry.sklearn != sklearn.__version__:
            warnings.warn(
                f"model {entry.name} {entry.version} was made by scikit-learn {entry.sklearn}, this is "
                f"{sklearn.__version__}: its scores may differ; train it anew with `sluicegate models train`",
                stacklevel=2,
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            try:
                pipeline = joblib.load(io.BytesIO(content))
            except Exception as error:  # a broken pickle raises whatever it stumbles over
                raise RegistryError(
                    f"model {entry.name} {entry.version}: {entry.file} is listed but cannot be opened "
                    f"({type(error).__name__}); train it anew with `sluicegate models train`"
                ) from error
        if not hasattr(pipeline, "predict_proba") or len(getattr(pipeline, "classes_", ())) != 2:
            raise RegistryError(
                f"model {entry.name} {entry.version}: {entry.file} holds a {type(pipeline).__name__}, "
                "not a fitted classifier of two classes with predict_proba"
            )
        if entry.layout != layout_of(pipeline):
            raise RegistryError(
                f"model {entry.name} {entry.version} was trained by another version of sluicegate, which has other "
                "columns for the same text; train it anew with `sluicegate models train`"
            )
        return pipeline

    def checked_bytes(self, entry: Entry) -> bytes:
        """The content of an entry's file, once its path and digest are what they must be."""
        path = self.inside(entry)
        try:
            # A pipe or a device would keep its reader waiting for ever.
            if path.exists() and not path.is_file():
                raise OSError("not a file")
            content = path.read_bytes()
        except OSError as error:
            raise RegistryError(f"model {entry.name} {entry.version}: cannot read {path}: {error}") from None
        digest = hashlib.sha256(content).hexdigest()
        if digest != entry.sha256:
            raise RegistryError(
                f"model {entry.name} {entry.version}: {path} was changed after it was listed "
                f"(SHA-256 {digest[:12]}..., the manifest says {entry.sha256[:12]}...); not opened"
            )
        return content

    def inside(self, entry: Entry) -> Path:
        """The path of an entry's file. RegistryError if it leaves the folder or goes through a link."""
        relative = PurePosixPath(entry.file)
        path = self.directory
        allowed = (
            entry.file.isprintable()
            and len(entry.file) <= MAX_PATH
            and not relative.is_absolute()
            and "\\" not in entry.file
            and ".." not in relative.parts
            and all(len(part.encode()) <= MAX_PART for part in relative.parts)
        )
        for part in relative.parts if allowed else ():
            path = path / part
            allowed = allowed and not path.is_symlink()
        if not allowed or not relative.parts:
            raise RegistryError(
                f"model {entry.name} {entry.version}: the path {entry.file[:MAX_PART]!r} "
                "leads out of the registry; not opened"
            )
        return path

    def check_room(self, name: str) -> None:
        """RegistryError if no model of this name can be added: training takes long, and would be for nothing."""
        check_words(name, "0")
        if not os.access(self.directory, os.W_OK):
            raise RegistryError(f"{self.directory} cannot be written to")

    def add(self, name: str, pipeline: Any, reads: Reads, trained: str, card: str | None = None) -> Entry:
        """Write a pipeline, list it, and serve it from now on. Its version is the start of its digest, so the
        same training gives the same version."""
        import sklearn

        check_words(name, "0")
        content = dumped(pipeline)
        digest = hashlib.sha256(content).hexdigest()
        version = digest[:8]
        entry = Entry(
            name=name,
            version=version,
            file=f"{name}/{version}/{MODEL_FILE}",
            sha256=digest,
            input=reads,
            sklearn=sklearn.__version__,
            trained=trained,
            layout=layout_of(pipeline),
        )
        with self._changing():
            folder = self.directory / name / version
            folder.mkdir(parents=True, exist_ok=True)
            (folder / MODEL_FILE).write_bytes(content)
            if card is not None:
                (folder / CARD_FILE).write_text(card.replace("{version}", version), encoding="utf-8")
            others = [known for known in self.manifest.models if (known.name, known.version) != (name, version)]
            self.manifest.models = sorted([*others, entry], key=lambda known: (known.name, known.trained))
            self.manifest.current[name] = version
        return entry

    def use(self, name: str, version: str) -> None:
        """Serve this version from now on."""
        with self._changing():
            self.manifest.current[name] = self.entry(name, version).version

    def remove(self, name: str, version: str) -> None:
        """Take a version that is not served out of the manifest, and delete its files."""
        with self._changing():
            entry = self.entry(name, version)
            if self.manifest.current.get(name) == version:
                raise RegistryError(f"{name} {version} is served; name another with `sluicegate models use` first")
            self.manifest.models = [known for known in self.manifest.models if known != entry]
        # A folder of its own goes with its card; of one that others share, only the model.
        model = self.inside(entry)
        model.unlink(missing_ok=True)
        own = self.directory / name / version
        if model.parent == own and own.is_dir():
            shutil.rmtree(own)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """The manifest as it is by now, to be changed; then it is written, whole or not at all."""
        path = self.directory / MANIFEST
        with alone(self.directory):
            if path.exists():
                self.manifest = read_manifest(path)
            yield
            current = {name: self.manifest.current[name] for name in sorted(self.manifest.current)}
            write_json(path, msgspec.json.encode(Manifest(current=current, models=self.manifest.models)))


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Change a registry while nobody else does: other commands that are about to, wait here until this one is done.

    That is moments: a model is trained before, and only then written and listed. RegistryError if it cannot be
    written to.

    It is a file that is locked, and that stays: NFS locks no folders, and who waits for a file that goes locks nothing.
    """
    try:
        file = (directory / LOCK).open("a")
    except OSError as error:
        raise RegistryError(f"{directory} cannot be written to: {error.strerror}") from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_json(path: Path, content: bytes) -> None:
    """Write JSON, indented, whole or not at all: who reads `path` meanwhile finds what was there before."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(msgspec.json.format(content, indent=2) + b"\n")
    fresh.replace(path)


def read_manifest(path: Path) -> Manifest:
    """RegistryError if the file is missing, is no manifest, or serves what it does not list."""
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise RegistryError(f"no models in {path.parent}: it has no {MANIFEST}") from None
    # Bytes that are not UTF-8 are a ValueError of Python's own.
    except (OSError, ValueError, RecursionError) as error:
        raise RegistryError(f"cannot read {path}: {error}") from None
    for entry in manifest.models:
        check_words(entry.name, entry.version)
    listed = {(entry.name, entry.version) for entry in manifest.models}
    for name, version in manifest.current.items():
        if (name, version) not in listed:
            raise RegistryError(f"{path} serves {name} {version}, which it does not list")
    return manifest


def check_words(name: str, version: str) -> None:
    if not NAME.fullmatch(name):
        raise RegistryError(f"bad model name {name!r}: a name is lower-case letters, digits and _, a letter first")
    if not VERSION.fullmatch(version):
        raise RegistryError(f"bad model version {version!r}: a version is letters, digits, and . _ - after the first")


def layout_of(pipeline: Any) -> int:
    """The layout of columns that a pipeline of this version reads, 0 if it reads no CharGrams."""
    from models.char_grams import CharGrams
    from models.grams import LAYOUT

    steps = [step for _, step in getattr(pipeline, "steps", ())]
    return LAYOUT if any(isinstance(step, CharGrams) for step in steps) else 0


def dumped(pipeline: Any) -> bytes:
    """The pipeline as a compressed joblib file; the same pipeline gives the same bytes."""
    import joblib

    content = io.BytesIO()
    joblib.dump(pipeline, content, compress=("zlib", 9))
    return content.getvalue()
