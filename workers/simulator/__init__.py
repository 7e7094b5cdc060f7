"""A small made-up social platform: ordinary people, and planted among them what moderation is for, truth known."""

from __future__ import annotations

from workers.simulator.platform import Simulator

__all__ = ["Simulator"]
