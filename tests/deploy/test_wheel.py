"""The wheel that production installs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_holds_what_the_packages_read_when_they_run(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    source = tmp_path / "source"
    # A copy: setuptools leaves its build folder in the source.
    subprocess.run(["git", "clone", "-q", str(ROOT), str(source)], check=True)
    subprocess.run([*build, str(source)], check=True)
    (wheel,) = tmp_path.glob("sluicegate-*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    read = subprocess.run(
        ["git", "ls-files", "topics", "models", "workers", "deploy"],
        cwd=source,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for_people = (
        "pictures/",
        "curve.svg",
        "k8s/",
        "compose/",
        "README.md",
        "RUNBOOK.md",
        ".lock",
        "Dockerfile",
        "compose.yaml",
    )
    left_out = {name for name in read if any(word in name for word in for_people)}
    assert set(read) - held == left_out
