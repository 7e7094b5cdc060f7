"""Putting a worker's parts together from its settings."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import structlog

from models.drift import read_references
from models.registry import SHIPPED
from models.scorer import Scorer
from topics.catalog import POSTS
from workers.campaigns.campaigns import Scope
from workers.connection import redis_arguments
from workers.counters import Breaker, Counters, MemoryStore, RedisStore
from workers.judge import Judge
from workers.metrics import Metrics
from workers.moderate import Moderator
from workers.policy import DEFAULT, Policy
from workers.settings import Settings
from workers.signals import schema

log = structlog.get_logger(__name__)


def offline_judge(policy: Path | None, models: Path | None) -> Judge:
    """A judge without services: counters are in memory and begin empty.

    Raises:
        PolicyError, RegistryError, AssemblyError: the policy or the models cannot be used.
    """
    scorer = Scorer.load(models)
    loaded = Policy.load(policy or DEFAULT, schema(scorer.names))
    return Judge(loaded, scorer, Counters(loaded.counters, MemoryStore()), Metrics())


def assemble(settings: Settings, metrics: Metrics) -> Moderator:
    """A moderator with counters in Redis.

    Raises:
        PolicyError, RegistryError, AssemblyError: the policy or the models cannot be used.
    """
    scorer = Scorer.load(settings.models)
    known = schema(scorer.names)
    policy = Policy.load(settings.policy or DEFAULT, known)
    # Groups that each see every post would otherwise count each post twice.
    namespace = f"{settings.redis_namespace}:{settings.group}"
    store = RedisStore(settings.redis, namespace, settings.redis_timeout_ms / 1_000, **redis_arguments(settings))
    scope = Scope(settings.campaign_hours * 3_600_000, settings.campaign_accounts)
    counters = Counters(policy.counters, Breaker(store), source=POSTS.name, policy=policy.digest, scope=scope)
    earlier = []
    if settings.earlier_policy:
        before = Policy.load(settings.earlier_policy, known)
        earlier.append(Judge(before, scorer, counters.under(before.counters, before.digest), metrics))
    metrics.name_versions(version("sluicegate"), policy.version, policy.digest, scorer.versions)
    if unknown := metrics.scores.compare(scorer.versions, read_references(settings.models or SHIPPED)):
        log.warning("no drift is told: `sluicegate models reference` measures what to compare with", models=unknown)
    return Moderator(Judge(policy, scorer, counters, metrics), metrics, earlier)
