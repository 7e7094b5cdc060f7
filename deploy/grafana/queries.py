"""PromQL over the workers that the dashboard's variables choose."""

from __future__ import annotations

CHOSEN = 'job="$job", instance=~"$instance"'


def of(metric: str, where: str = "") -> str:
    """A metric of the chosen workers. where: more label matchers."""
    return f"{metric}{{{CHOSEN}{', ' + where if where else ''}}}"


def total(metric: str, by: str = "", where: str = "") -> str:
    """The sum of a gauge over the workers, by these labels."""
    return f"sum {f'by ({by}) ' if by else ''}({of(metric, where)})"


def rate(metric: str, by: str = "", where: str = "") -> str:
    """What a counter gains a second, over the workers, by these labels."""
    return f"sum {f'by ({by}) ' if by else ''}(rate({of(metric, where)}[$__rate_interval]))"


def gained(metric: str, by: str = "", where: str = "") -> str:
    """What a counter gained in the time that the dashboard shows."""
    return f"sum {f'by ({by}) ' if by else ''}(increase({of(metric, where)}[$__range]))"


def quantile(share: float, metric: str, by: str = "") -> str:
    """A quantile of a histogram over the workers, by these labels."""
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', labels)})"


def mean(metric: str, by: str = "") -> str:
    """The mean of a histogram's values, by these labels."""
    return f"{rate(f'{metric}_sum', by)} / {rate(f'{metric}_count', by)}"


def within(metric: str, bound: str) -> str:
    """The share of a histogram's values that are at most `bound`, one of its buckets."""
    bucket = f'le="{bound}"'
    return f"{rate(f'{metric}_bucket', where=bucket)} / {rate(f'{metric}_count')}"
