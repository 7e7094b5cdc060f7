"""`python -m deploy.grafana` writes the dashboards anew."""

from __future__ import annotations

from pathlib import Path

from deploy.grafana.moderation import moderation
from deploy.grafana.service import service

FOLDER = Path(__file__).parent


def files() -> dict[Path, str]:
    """Each dashboard's file and what belongs in it."""
    return {FOLDER / "service.json": service(), FOLDER / "moderation.json": moderation()}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
