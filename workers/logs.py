"""Logs: lines for people on a terminal, JSON elsewhere. A post's text is never logged at info or above."""

from __future__ import annotations

import logging.config
import sys
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
        "filters": {"expected": {"()": WithoutTrace}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stderr",
                "formatter": "structured",
                "filters": ["expected"],
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
