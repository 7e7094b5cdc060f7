"""What a run showed, for people and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chaos.check import Finding
from chaos.run import Outcome

SHOWN = 20
NEAR_SECONDS = 15.0


def report(outcome: Outcome) -> str:
    """The report: figures, and what is wrong with the posts that show it and what happened around them."""
    lines = [
        "",
        f"seed {outcome.seed}, {outcome.delivery}: {outcome.seconds:.0f} s, {outcome.posts_per_second:.0f} posts/s, "
        f"{outcome.restarts} restarts of workers",
    ]
    for name, verdict in outcome.verdicts.items():
        lines += [f"up to the end of the phase: {name}"]
        lines += [f"  {figure:18} {count:>10,}" for figure, count in verdict.figures.items()]
        wrong = ", ".join(f"{kind} {count}" for kind, count in verdict.kinds.items())
        lines += [f"  {'wrong':18} {wrong or '         0'}"]
    findings = outcome.findings
    for finding in findings[:SHOWN]:
        lines += _told(outcome, finding)
    if len(findings) > SHOWN:
        lines += [f"... and {len(findings) - SHOWN} more"]
    if findings:
        lines += ["timeline:", *map(str, outcome.moments)]
    lines += ["", f"{len(findings)} findings" if findings else "nothing lost, nothing doubled, nothing miscounted"]
    return "\n".join(lines)


def _told(outcome: Outcome, finding: Finding) -> list[str]:
    lines = [f"{finding.kind}: {finding.place or ''} {finding.detail}"]
    post = outcome.posts.get(finding.place) if finding.place else None
    if post:
        lines += [f"    {(post.value or b'')[:300]!r}"]
    if finding.at_ms is not None:
        at = (finding.at_ms - outcome.began_ms) / 1_000
        near = [moment for moment in outcome.moments if abs(moment.at - at) < NEAR_SECONDS]
        lines += [f"    came at {at:.1f} s", *(f"    {moment}" for moment in near)]
    return lines


def save(outcome: Outcome, path: Path) -> None:
    """Write the outcome as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written: dict[str, Any] = {
        "seed": outcome.seed,
        "delivery": outcome.delivery,
        "seconds": round(outcome.seconds, 1),
        "posts_per_second": round(outcome.posts_per_second),
        "restarts": outcome.restarts,
        "phases": {
            name: {"figures": verdict.figures, "wrong": verdict.kinds} for name, verdict in outcome.verdicts.items()
        },
        "findings": [
            {"kind": kind, "place": place, "detail": detail, "at_ms": at}
            for kind, place, detail, at in outcome.findings[:1_000]
        ],
        "timeline": [[round(moment.at, 1), moment.what] for moment in outcome.moments],
    }
    path.write_text(json.dumps(written, indent=1) + "\n")
