"""The dashboard of who answers for the verdicts: verdicts, rules, scores' drift, dead letters, counters."""

from __future__ import annotations

from deploy.grafana.panels import Panel, write
from deploy.grafana.queries import gained, of, quantile, rate, total

UID, OTHER = "sluicegate-moderation", "sluicegate-service"
POSTS, RULES, STOPPED = "sluicegate_posts_total", "sluicegate_rules_fired_total", "sluicegate_stopped_posts_total"
TOGETHER = 'category=~"marketing_campaign|link_farm|flooding|manipulation"'
BLOCKED, FLAGGED = 'verdict="block"', 'verdict="flag"'


def share(verdict: str) -> str:
    """The share of posts with a verdict, lately."""
    return f"{rate(POSTS, where=verdict)} / {rate(POSTS)}"


def above(bound: str) -> str:
    """The share of posts that each model scores above `bound`, one of the histogram's."""
    bucket = f'le="{bound}"'
    return f"1 - {rate('sluicegate_score_bucket', 'model', bucket)} / {rate('sluicegate_score_count', 'model')}"


ROWS = {
    "In the time shown": [
        Panel("Posts decided", "With a verdict.", "short", {"posts": gained(POSTS)}, "now", 5),
        Panel("Blocked", "Share of the posts.", "percentunit",
              {"blocked": f"{gained(POSTS, where=BLOCKED)} / {gained(POSTS)}"}, "now", 5, (0.05, 0.15)),
        Panel("Flagged", "Share of the posts: what trust and safety have to look at.", "percentunit",
              {"flagged": f"{gained(POSTS, where=FLAGGED)} / {gained(POSTS)}"}, "now", 5, (0.05, 0.15)),
        Panel("Dead letters", "Records without a verdict.", "short", {"dead": gained("sluicegate_dead_letters_total")},
              "now", 5, (1_000, 10_000)),
        Panel("Without counters", "Workers that decide without Redis now: campaigns and floods pass.", "short",
              {"degraded": total("sluicegate_degraded")}, "now", 4, (1, 1)),
    ],
    "Verdicts": [
        Panel("Verdicts", "Posts a second, upon each other.", "ops",
              {"{{verdict}}": rate(POSTS, "verdict")}, stacked=True),
        Panel("Share blocked and flagged", "Three times the last day's share is an alert: an attack, or a bad rule.",
              "percentunit", {"blocked": share(BLOCKED), "flagged": share(FLAGGED)}, bounds=(0.05, 0.15)),
        Panel("Dead letters by reason", "`step_failed` is ours, the others are the sender's.", "ops",
              {"{{reason}}": rate("sluicegate_dead_letters_total", "reason")}, bounds=(10, 100)),
    ],
    "Categories and campaigns": [
        Panel("Stopped by category", "Posts a second that were flagged or blocked, by category.", "ops",
              {"{{category}}": rate(STOPPED, "category")}, stacked=True),
        Panel("What many do together", "Campaigns, farms and floods, seen by counters: none without Redis.", "ops",
              {"{{category}}": rate(STOPPED, "category", TOGETHER)}),
        Panel("Campaigns", "Posts a second that are alike and from many accounts, stopped or not; campaigns "
              "told on posts.campaigns as new or as doubled.", "ops",
              {"posts": rate("sluicegate_campaign_posts_total"), "told": rate("sluicegate_campaigns_told_total")}),
    ],
    "Rules": [
        Panel("Rules fired", "Posts a second on which a rule fired, the fifteen busiest. One that jumps alone has met "
              "an attack, or was changed.", "ops", {"{{rule}}": f"topk(15, {rate(RULES, 'rule')})"}, width=14),
        Panel("Rules by posts", "In the time shown. A rule that is missing has not fired.", "short",
              {"": f"sort_desc({gained(RULES, 'rule')})"}, "table", 10),
    ],
    "Scores": [
        Panel("Drift", "Population stability index of each model's last scores against those it was accepted on. Below "
              "0.1 steady, above 0.25 shifted: people write otherwise, or the model does.", "short",
              {"{{model}}": f"avg by (model) ({of('sluicegate_score_drift')})"}, bounds=(0.1, 0.25)),
        Panel("Posts scored above 0.5", "Share of the posts, by model.", "percentunit", {"{{model}}": above("0.5")}),
        Panel("Posts scored above 0.9", "Share of the posts, by model: about what rules on scores alone block.",
              "percentunit", {"{{model}}": above("0.9")}),
        Panel("How scores lie", "Posts a second in each bin, all models. A new band is a new kind of post.", "short",
              {"{{le}}": rate("sluicegate_score_bucket", "le")}, "heat", 24),
    ],
    "Counters": [
        Panel("Counting a batch", "Looked up and counted in Redis.", "s",
              {"p50": quantile(0.5, "sluicegate_counters_round_trip_seconds"),
               "p99": quantile(0.99, "sluicegate_counters_round_trip_seconds")}, bounds=(0.1, 0.5)),
        Panel("Time without counters", "Share of the time, all workers. Decisions of that time are marked `degraded`.",
              "percentunit", {"degraded": rate("sluicegate_degraded_seconds_total")}, bounds=(0.01, 0.5)),
        Panel("Redelivered and lost", "Posts that came again and read what they first read; times that Redis knew less "
              "than it had, from when on counts are too low.", "short",
              {"read as at first": gained("sluicegate_counters_replayed_posts_total"),
               "Redis lost counts": gained("sluicegate_counters_lost_total")}, bounds=(1_000_000, 10_000_000)),
    ],
}  # fmt: skip


def moderation() -> str:
    """The dashboard's JSON."""
    return write(UID, "Sluicegate: moderation", "What is decided, by what, and has it shifted?", OTHER, ROWS)
