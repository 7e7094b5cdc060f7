"""How a worker ends where its operator can mend it: a line, the last on standard error, and exit status 1."""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import Final

import faust
from aiokafka.errors import KafkaConnectionError, KafkaError, NodeNotReadyError, ProducerFenced

from workers.rights import LackingTopicsError

# Within the grace that orchestrators give (30 s), and longer than a batch without Redis takes.
LONGEST_END_SECONDS: Final = 20.0
NOTHING_TO_WAIT_FOR_SECONDS: Final = 5.0
EXPECTED: Final = (LackingTopicsError, KafkaError)


def expected(error: BaseException | None) -> BaseException | None:
    """The error, if its operator can mend it. Of several at once it is the first, if that is so of all."""
    if isinstance(error, BaseExceptionGroup):
        each = [expected(inner) for inner in error.exceptions]
        return each[0] if all(each) else None
    return error if isinstance(error, EXPECTED) else None


def line_of(error: BaseException, brokers: str) -> str:
    """What to do about an expected error.

    brokers: `host:port`, several with commas.
    """
    if isinstance(error, (KafkaConnectionError, NodeNotReadyError)):
        return (
            f"no Kafka broker answers at {brokers}: check the address, that the broker runs, and the settings for TLS "
            "and SASL"
        )
    if isinstance(error, ProducerFenced):
        return (
            f"Kafka at {brokers} has shut this worker out: its partitions have a newer owner, or it stood still in a "
            "transaction. Nothing is lost; start it again"
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

    async def stop(self) -> None:
        """End what is under way, and leave; end without it where that takes too long.

        aiokafka waits without end for a topic that is gone or for brokers that are away. What was not committed is
        decided by whoever comes next.
        """
        seconds = NOTHING_TO_WAIT_FOR_SECONDS if self._line() else LONGEST_END_SECONDS
        patience = threading.Timer(seconds, self._leave)
        patience.daemon = True
        patience.start()
        await super().stop()

    def stop_and_shutdown(self) -> None:
        """Stop; raises SystemExit with the line."""
        line = self._line()
        super().stop_and_shutdown()
        if line:
            raise SystemExit(line)

    def _redirect_stdouts(self) -> None:
        """Nothing: Faust would log what a dying thread says, which Python prints in pieces, a line for each."""

    def _shutdown_loop(self) -> None:
        if self._line():
            # Faust would raise it.
            self.crash_reason = None
        super()._shutdown_loop()

    def _line(self) -> str | None:
        if not (error := expected(self.crash_reason)):
            return None
        brokers = ",".join(url.authority for url in self.app.conf.broker)
        return f"sluicegate: {line_of(error, brokers)}"

    def _leave(self) -> None:
        late = f"sluicegate: not ended after {LONGEST_END_SECONDS:.0f} s: what is not committed will be decided again"
        try:
            print(self._line() or late, file=sys.stderr, flush=True)
        finally:
            # On a full disk, too.
            os._exit(1)


class WithoutTrace(logging.Filter):
    """Tells an expected error without its traceback, which says where we looked, not what is to be done."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true."""
        error = record.exc_info[1] if record.exc_info else None
        # A crash ends the consumer's thread at once; Faust may find it gone when it tells it to stop.
        if expected(error) or str(error) == "Event loop is closed":
            record.exc_info = None
            if repr(error) not in (told := record.getMessage()):
                record.msg, record.args = f"{told}: {error}", ()
        return True
