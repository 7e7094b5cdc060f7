"""Logs: lines for people on a terminal, JSON elsewhere. A post's text is never logged at info or above."""

from __future__ import annotations

import logging.config
import math
import sys
import time
from collections.abc import Callable
from typing import Any

import structlog

from workers.ending import WithoutTrace

SHARED: list[Any] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# Noise that says nothing about posts: every start and stop of Faust's inner services, and each step of a rebalance.
QUIET = ("mode", "faust", "aiokafka", "workers.fetching")
# kafka-python's debug lines tell its whole configuration, passwords too.
NEVER_DEBUG = "kafka"
REPEAT_SECONDS = 10.0
REMEMBERED = 500


class Repeats(logging.Filter):
    """Lets a line of the Kafka clients through once in a while, and says then how often it came meanwhile.

    They tell each attempt to reach a broker that is away, many a second.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._told: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """False for what was told less than `REPEAT_SECONDS` ago."""
        if record.levelno < logging.WARNING or not record.name.startswith(("aiokafka", "kafka")):
            return True
        line, now = record.getMessage(), self._clock()
        key = record.name, line
        at, count = self._told.get(key, (-math.inf, 0))
        if now - at < REPEAT_SECONDS:
            self._told[key] = at, count + 1
            return False
        if len(self._told) >= REMEMBERED:
            self._told.clear()
        self._told[key] = now, 0
        if count:
            record.msg, record.args = f"{line} ({count} times more since this was told last)", ()
        return True


def logging_config(level: str) -> dict[str, Any]:
    """A configuration for `logging.config.dictConfig`: everything at `level` and above goes to standard error.

    Args:
        level: debug, info, warning or error. The libraries under us speak from warning up, unless it is debug.
    """
    # structlog's own way on a terminal shows each frame's variables: passwords and posts would be among them.
    on_terminal = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer = on_terminal if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    finish = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        renderer,
    ]
    if sys.stderr.isatty():
        finish.remove(structlog.processors.format_exc_info)
    numeric = logging.getLevelNamesMapping()[level.upper()]
    quiet = max(numeric, logging.WARNING)
    theirs = numeric if level == "debug" else quiet
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": finish,
                "foreign_pre_chain": SHARED,
            }
        },
        "filters": {"expected": {"()": WithoutTrace}, "repeats": {"()": Repeats}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stderr",
                "formatter": "structured",
                "filters": ["expected", "repeats"],
            }
        },
        "root": {"handlers": ["stderr"], "level": numeric},
        "loggers": {name: {"level": theirs} for name in QUIET} | {NEVER_DEBUG: {"level": quiet}},
    }


def configure_logs(level: str) -> None:
    """Log from now on as `logging_config` says."""
    logging.config.dictConfig(logging_config(level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        # What is not told costs nothing then: filter_by_level sees it only after it was put together.
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
