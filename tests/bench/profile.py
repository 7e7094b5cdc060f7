"""profile.*: where the time goes, in microseconds of processor a post and stage."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from bench.offline import cpu_of, moderator, records
from bench.pipeline import FILES, POSTS
from bench.policies import loaded
from bench.posts import payloads
from bench.stage import ROOT
from deploy.embedded import start_valkey
from workers.decoding import Record
from workers.policy import Policy

WARM, MEASURED = 20_000, 200_000
TICK_SECONDS = 0.001
# A sample belongs to the first of these that its stack is in, from the inside out; explaining takes all that is in it.
EXPLAIN = "explaining"
STAGES = {
    "decoding": ("workers/decoding.py", "topics/reading.py", "topics/post.py"),
    "folding": ("models/folding.py",),
    "grams": ("models/grams.py",),
    "models": ("models/", "workers/signals/text.py"),
    "terms": ("workers/signals/terms.py",),
    "campaign_keys": ("workers/signals/duplicates.py", "workers/campaigns/sketch.py", "workers/campaigns/texts.py"),
    "other_signals": ("workers/signals/",),
    "counters_client": ("workers/counters/", "workers/campaigns/"),
    "rules": ("workers/policy/",),
    "encoding": ("workers/encoding.py", "topics/decision.py"),
    "joining": ("workers/", "topics/"),
}
LOOP = "event_loop_and_redis_client"


class Sampler:
    """Notes in which stage this process is, at equal distances of its processor time.

    Attributes:
        seen: samples by stage.
    """

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def __enter__(self) -> Self:
        signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, TICK_SECONDS, TICK_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _sample(self, _: int, frame: FrameType | None) -> None:
        stack = []
        while frame:
            stack.append(frame.f_code.co_filename)
            frame = frame.f_back
        self.seen[stage_of(stack)] += 1


def stage_of(files: list[str]) -> str:
    """The stage of a stack, given the files of its frames, innermost first."""
    own = [file.removeprefix(f"{ROOT}/") for file in files if file.startswith(f"{ROOT}/") and "/.venv/" not in file]
    if "workers/explaining.py" in own:
        return EXPLAIN
    for file in own:
        for stage, places in STAGES.items():
            if file.startswith(places):
                return stage
    return LOOP


def run() -> dict[str, float]:
    """Measure: the way of a post without Kafka, sampled. What Kafka and Faust take is the difference to pipeline.*."""
    posts = records(islice((value for _, value, _ in payloads(FILES, POSTS)), WARM + MEASURED))
    with tempfile.TemporaryDirectory() as folder:
        policy = loaded(Path(folder))
        valkey, url = start_valkey(Path(folder))
        try:
            return asyncio.run(_profile(policy, url, valkey.process.pid, posts))
        finally:
            valkey.stop()


async def _profile(policy: Policy, url: str, valkey: int, posts: Sequence[Record]) -> dict[str, float]:
    of = moderator(policy, url)
    await cpu_of(of, posts[:WARM])
    with Sampler() as sampler:
        own, there = await cpu_of(of, posts[WARM:], valkey)
    each = own / (len(posts) - WARM) * 1e6
    samples = sampler.seen.total()
    return {
        **{f"profile.{stage}_us": each * sampler.seen[stage] / samples for stage in (*STAGES, EXPLAIN, LOOP)},
        "profile.offline_us": each,
        "profile.valkey_us": there / (len(posts) - WARM) * 1e6,
    }
