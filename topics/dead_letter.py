"""A dead letter: a record of `posts` that could not become a post, or that no step could decide.

On the wire the value and the key are the bytes that came, untouched; what is known about them is in the
headers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, convert

Reason = Literal["tombstone", "not_json", "encoding", "schema", "too_large", "control_character", "step_failed"]
MAX_DETAIL: Final = 1_000
REPLAYED: Final = "replayed"
"""Header of a note on `posts.dead`: the offset, in its own partition, of the dead letter that was replayed."""
REPLAYED_FROM: Final = "replayed_from"
"""Header of a replayed record on `posts`: PARTITION:OFFSET of its dead letter."""

_OFFSET: Final = re.compile(rb"[0-9]{1,19}")


class DeadLetter(Struct, gc=False):
    """What came, where from, and why it went no further."""

    value: Annotated[bytes | None, Meta(description="The bytes that came; null for a tombstone.")]
    key: Annotated[bytes | None, Meta(description="The key they came with.")]
    reason: Annotated[Reason, Meta(description="Why, as a short code of a fixed set.")]
    detail: Annotated[
        str,
        Meta(
            max_length=MAX_DETAIL,
            description="Why, in a sentence that names the field and never its content.",
        ),
    ]
    source_topic: Annotated[str, Meta(min_length=1, max_length=249, description="Topic it came from.")]
    source_partition: Annotated[Annotated[int, Meta(ge=0)], Meta(description="Partition it came from.")]
    source_offset: Annotated[Annotated[int, Meta(ge=0)], Meta(description="Offset it came from.")]

    def to_headers(self) -> list[tuple[str, bytes]]:
        """The record's headers, in a fixed order, values in UTF-8; a detail that is too long is cut."""
        return [
            ("reason", self.reason.encode()),
            ("detail", self.detail[:MAX_DETAIL].encode(errors="replace")),
            ("source_topic", self.source_topic.encode()),
            ("source_partition", b"%d" % self.source_partition),
            ("source_offset", b"%d" % self.source_offset),
        ]

    @classmethod
    def from_record(
        cls, value: bytes | None, key: bytes | None, headers: Sequence[tuple[str, bytes | None]]
    ) -> DeadLetter:
        """The dead letter a record of `posts.dead` carries.

        Raises ValueError when a header is missing or not what `to_headers` writes.
        """
        fields = {name: text.decode() for name, text in headers if text is not None}
        return convert({**fields, "value": value, "key": key}, cls, strict=False)


def replay_note(offset: int) -> list[tuple[str, bytes]]:
    """Headers of the note that the dead letter at `offset` of the same partition was replayed."""
    return [(REPLAYED, b"%d" % offset)]


def replayed_offset(headers: Sequence[tuple[str, bytes | None]]) -> int | None:
    """The offset that a replay's note names; None when the record is no such note."""
    written = dict(headers).get(REPLAYED)
    return int(written) if written is not None and _OFFSET.fullmatch(written) else None
