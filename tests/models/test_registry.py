from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from models.char_grams import CharGrams
from models.grams import LAYOUT
from models.registry import Registry, RegistryError

TEXTS, TRUTH = ["buy now", "good day", "cheap sale", "see you"], [1, 0, 1, 0]


def pipeline(strength: float = 1.0) -> Any:
    return make_pipeline(CharGrams(bits=8), LogisticRegression(C=strength)).fit(TEXTS, TRUTH)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Registry(tmp_path, create=True).add("spam", pipeline(), "text", "2026-01-02", "# card of {version}\n")
    return tmp_path


def manifest(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return content


def change(folder: Path, **fields: str | int) -> None:
    content = manifest(folder)
    content["models"][0].update(fields)
    (folder / "manifest.json").write_text(json.dumps(content))


def refused(folder: Path, because: str) -> None:
    registry = Registry(folder)
    with pytest.raises(RegistryError, match=because):
        registry.load(registry.entry("spam"))


def test_a_model_comes_back_as_it_was(folder: Path) -> None:
    registry = Registry(folder)
    again = registry.load(registry.entry("spam"))
    assert np.array_equal(again.predict_proba(TEXTS), pipeline().predict_proba(TEXTS))


def test_the_card_names_its_version(folder: Path) -> None:
    entry = Registry(folder).entry("spam")
    assert (folder / "spam" / entry.version / "CARD.md").read_text() == f"# card of {entry.version}\n"


def test_an_altered_file_is_refused_before_it_is_opened(folder: Path, tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path(tmp_path / "was-run").touch, ())

    joblib.dump(Payload(), folder / Registry(folder).entry("spam").file)
    refused(folder, "was changed after it was listed")
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize("file", ["../model.joblib", "/etc/hostname", "spam/../../x", "a\\..\\b", "", "."])
def test_a_path_that_leaves_the_registry_is_refused(folder: Path, file: str) -> None:
    change(folder, file=file)
    refused(folder, "leads out of the registry")


def test_a_link_is_refused_even_with_the_right_content(folder: Path) -> None:
    path = folder / Registry(folder).entry("spam").file
    moved = path.with_name("elsewhere")
    path.rename(moved)
    path.symlink_to(moved)
    refused(folder, "leads out of the registry")


def test_a_linked_folder_is_refused(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "spam"
    (folder / "spam").rename(elsewhere)
    (folder / "spam").symlink_to(elsewhere)
    refused(folder, "leads out of the registry")


def test_a_missing_file_is_a_clear_error(folder: Path) -> None:
    (folder / Registry(folder).entry("spam").file).unlink()
    refused(folder, "cannot read")


def test_a_file_that_is_not_listed_cannot_be_named(folder: Path) -> None:
    joblib.dump(pipeline(), folder / "other.joblib")
    with pytest.raises(RegistryError, match="no model other"):
        Registry(folder).entry("other")


@pytest.mark.parametrize(
    ("content", "because"),
    [
        ("", "cannot read"),
        ("[]", "cannot read"),
        ('{"models": [{"name": "spam"}]}', "cannot read"),
        ('{"current": {"spam": "1"}, "models": []}', "does not list"),
    ],
)
def test_a_bad_manifest_is_refused(tmp_path: Path, content: str, because: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(RegistryError, match=because):
        Registry(tmp_path)


def test_a_folder_without_manifest_holds_no_models(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="no models in"):
        Registry(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RegistryError, match="cannot be made: Not a directory"):
        Registry(tmp_path / "file" / "models", create=True)


def test_a_name_that_is_no_plain_word_is_refused(folder: Path) -> None:
    change(folder, name="../spam")
    with pytest.raises(RegistryError, match="bad model name"):
        Registry(folder)


def test_another_scikit_learn_is_told(folder: Path) -> None:
    change(folder, sklearn="1.2.0")
    registry = Registry(folder)
    with pytest.warns(UserWarning, match=r"was made by scikit-learn 1\.2\.0") as told:
        registry.load(registry.entry("spam"))
    assert len(told) == 1


@pytest.mark.parametrize("layout", [0, LAYOUT - 1, LAYOUT + 1])
def test_a_model_of_a_version_that_has_other_columns_for_a_text_is_refused(folder: Path, layout: int) -> None:
    change(folder, layout=layout)
    refused(folder, "another version of sluicegate.*train it anew")


def test_a_pipeline_with_columns_of_its_own_has_no_layout(folder: Path) -> None:
    other = make_pipeline(HashingVectorizer(n_features=2**8), LogisticRegression()).fit(TEXTS, TRUTH)
    entry = Registry(folder).add("other", other, "text", "2026-01-02")
    assert entry.layout == 0
    assert Registry(folder).load(entry).predict_proba(TEXTS).shape == (4, 2)


def test_versions_lie_side_by_side_and_one_is_served(folder: Path) -> None:
    registry = Registry(folder)
    first = registry.entry("spam").version
    second = registry.add("spam", pipeline(0.1), "text", "2026-02-03").version
    assert Registry(folder).entry("spam").version == second != first
    registry.use("spam", first)
    again = Registry(folder)
    assert again.entry("spam").version == first
    assert again.load(again.entry("spam", second)).predict_proba(TEXTS).shape == (4, 2)


def test_a_served_version_is_not_removed_and_another_is(folder: Path) -> None:
    registry = Registry(folder)
    first = registry.entry("spam").version
    second = registry.add("spam", pipeline(0.1), "text", "2026-02-03").version
    with pytest.raises(RegistryError, match="is served"):
        registry.remove("spam", second)
    registry.remove("spam", first)
    assert not (folder / "spam" / first).exists()
    assert [entry["version"] for entry in manifest(folder)["models"]] == [second]


def test_a_version_whose_files_are_gone_can_still_be_removed(folder: Path) -> None:
    registry = Registry(folder)
    first = registry.entry("spam").version
    second = registry.add("spam", pipeline(0.1), "text", "2026-02-03").version
    shutil.rmtree(folder / "spam" / first)
    registry.remove("spam", first)
    assert [entry["version"] for entry in manifest(folder)["models"]] == [second]


def test_removing_a_model_that_lies_beside_others_leaves_them(folder: Path) -> None:
    registry = Registry(folder)
    first = registry.entry("spam")
    registry.add("spam", pipeline(0.1), "text", "2026-02-03")
    listed = manifest(folder)
    (folder / first.file).rename(folder / "model.joblib")
    for entry in listed["models"]:
        if entry["version"] == first.version:
            entry["file"] = "model.joblib"
    (folder / "manifest.json").write_text(json.dumps(listed))
    Registry(folder).remove("spam", first.version)
    assert not (folder / "model.joblib").exists()
    assert (folder / "manifest.json").exists()


def test_the_same_pipeline_is_the_same_version_listed_once(folder: Path) -> None:
    before = manifest(folder)
    Registry(folder).add("spam", pipeline(), "text", "2026-01-02")
    assert manifest(folder) == before


def test_models_that_are_added_at_once_are_all_listed_and_served(folder: Path) -> None:
    opened = {f"model{number}": Registry(folder) for number in range(8)}
    with ThreadPoolExecutor(len(opened)) as threads:
        list(threads.map(lambda name: opened[name].add(name, pipeline(), "text", "2026-01-02"), opened))
    assert Registry(folder).names() == sorted([*opened, "spam"])


def test_what_another_command_has_added_meanwhile_is_kept_and_can_be_served(folder: Path) -> None:
    before = Registry(folder)
    first = before.entry("spam").version
    second = Registry(folder).add("spam", pipeline(0.1), "text", "2026-02-03").version
    with pytest.raises(RegistryError, match="is served"):
        before.remove("spam", second)
    before.use("spam", first)
    before.remove("spam", second)
    assert [entry["version"] for entry in manifest(folder)["models"]] == [first]


def test_a_folder_that_cannot_be_written_to_is_told(folder: Path) -> None:
    (folder / ".lock").unlink()
    (folder / ".lock").mkdir()
    registry = Registry(folder)
    with pytest.raises(RegistryError, match="cannot be written to"):
        registry.use("spam", registry.entry("spam").version)
