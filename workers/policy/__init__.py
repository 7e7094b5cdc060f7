"""Policies: rules as SQL expressions over signals, checked on load and evaluated over whole batches."""

from __future__ import annotations

from pathlib import Path

from workers.policy.policy import Policy
from workers.policy.problems import PolicyError, Problem
from workers.policy.rules import ALLOW, BLOCK, FLAG, VERDICTS, Example, Rule, Verdicts

DEFAULT = Path(__file__).parent / "default" / "policy.yaml"
"""The policy that ships."""

__all__ = [
    "ALLOW",
    "BLOCK",
    "DEFAULT",
    "FLAG",
    "VERDICTS",
    "Example",
    "Policy",
    "PolicyError",
    "Problem",
    "Rule",
    "Verdicts",
]
