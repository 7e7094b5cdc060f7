"""How a worker ends where its operator can mend it: a line, the last on standard error, and exit status 1."""

from __future__ import annotations

import logging
from typing import Final

import faust
from aiokafka.errors import KafkaConnectionError

from workers.publishing import NoTransactions
from workers.rights import LackingTopicsError

EXPECTED: Final = (LackingTopicsError, NoTransactions, KafkaConnectionError)


def line_of(error: BaseException, brokers: str) -> str:
    """What to do about an expected error.

    brokers: `host:port`, several with commas.
    """
    if isinstance(error, KafkaConnectionError):
        return (
            f"no Kafka broker answers at {brokers}: check the address, that the broker runs, and the settings for TLS "
            "and SASL"
        )
    return f"Kafka at {brokers}: {error}"


class EndsWithALine(faust.Worker):
    """Faust's worker; it ends without a traceback where the error is an expected one."""

    async def start(self) -> None:
        """Start and run. An expected error is kept as the reason of a crash is, since Faust tells it with its trace."""
        try:
            await super().start()
        except EXPECTED as error:
            self.crash_reason = error

    def stop_and_shutdown(self) -> None:
        """Stop; raises SystemExit with the line."""
        reason = self.crash_reason
        if isinstance(reason, EXPECTED):
            self.crash_reason = None
        super().stop_and_shutdown()
        if isinstance(reason, EXPECTED):
            brokers = ",".join(url.authority for url in self.app.conf.broker)
            raise SystemExit(f"sluicegate: {line_of(reason, brokers)}")


class WithoutTrace(logging.Filter):
    """Takes the traceback from records of expected errors: it says where we looked, not what is to be done."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true."""
        if record.exc_info and isinstance(record.exc_info[1], EXPECTED):
            record.exc_info = None
        return True
