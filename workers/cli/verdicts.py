"""A decision as text for people: what was decided and why, whose post it was, and what in it weighed."""

from __future__ import annotations

from datetime import timedelta

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from topics.decision import Decision, SignalValue
from topics.post import Author
from workers.terminal.clock import clock
from workers.terminal.marking import STYLES, marked, visible

INDENT = 9
TEXT_SHOWN = 280
NAME_SHOWN = 40


def described(decision: Decision, timestamp: int) -> RenderableType:
    """What a terminal shows of it. timestamp: when it was decided, in epoch milliseconds."""
    head = Text.assemble((f"{clock(timestamp)} ", "dim"), (decision.verdict, STYLES[decision.verdict]))
    heaviest = [rule for rule in decision.rules if rule.verdict == decision.verdict][:1]
    for rule in heaviest:
        head.append(f"  {visible(rule.name)}", "cyan").append(f" ({visible(rule.category)})", "dim")
    if others := [visible(rule.name) for rule in decision.rules if rule not in heaviest]:
        head.append(f"  also {', '.join(others)}", "dim")
    if decision.campaign:
        head.append(f"  campaign {visible(decision.campaign)}", "magenta")
    if decision.degraded:
        head.append("  without counters", "magenta")
    if decision.post is None:
        return head.append(f"  post {visible(decision.id)}  author {visible(decision.author)}")
    author = marked(decision.post.author.name, decision.spans, "name", NAME_SHOWN)
    author.append("  " if author else "").append(_account(decision.post.author, decision.created_at), "dim")
    reasons = [Text(visible(rule.reason)) for rule in heaviest]
    readings = "  ".join(
        f"{visible(name)} {_reading(value)}" for name, value in (decision.scores | decision.signals).items()
    )
    text = marked(decision.post.text, decision.spans, "text", TEXT_SHOWN)
    return Group(head, Padding(Group(*reasons, author, Text(readings, "blue"), text), (0, 0, 0, INDENT)))


def _reading(value: SignalValue) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    return "unknown" if value is None else visible(str(value))


def _account(author: Author, at: int) -> str:
    told = [f"account {visible(author.id)}"]
    if author.created_at is not None:
        told.append(f"{_age(timedelta(milliseconds=max(0, at - author.created_at)))} old")
    if author.followers is not None:
        told.append(f"{author.followers:,} followers")
    return ", ".join(told)


def _age(age: timedelta) -> str:
    if age >= timedelta(days=2):
        return f"{age.days:,} days"
    hours = age // timedelta(hours=1)
    return f"{hours} h" if hours >= 2 else f"{age // timedelta(minutes=1)} min"
