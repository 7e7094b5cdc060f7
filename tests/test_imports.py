"""Imports point one way."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("topics", "models", "workers", "deploy")


def packages(file: Path) -> Iterator[tuple[str, str]]:
    """The package of a module, and each of ours that it imports, type checking included: a room, or one in a room."""
    own = ".".join(file.relative_to(ROOT).parts[:2]).removesuffix(".py")
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ROOMS:
            yield own, ".".join(node.module.split(".")[:2])


EDGES = {edge for room in ROOMS for file in (ROOT / room).rglob("*.py") for edge in packages(file)}


def test_workers_import_the_other_rooms_which_know_nobody() -> None:
    assert {(own.split(".")[0], other.split(".")[0]) for own, other in EDGES} - {(room, room) for room in ROOMS} == {
        ("workers", "topics"),
        ("workers", "models"),
        ("workers", "deploy"),
    }


def test_no_two_packages_of_the_workers_import_each_other() -> None:
    inside = {edge for edge in EDGES if all((ROOT / name.replace(".", "/")).is_dir() for name in edge)}
    assert not {edge for edge in inside if edge[0] != edge[1] and edge[::-1] in inside}
