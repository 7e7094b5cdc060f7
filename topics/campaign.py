"""A campaign: the value of a record on `posts.campaigns`, whose key is the campaign's id.

A record is written when alike posts come from enough accounts to be a campaign, and whenever that has doubled in
accounts or posts. Nothing in it comes from the clock or from chance.
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct, json

from topics.decision import CampaignId, Count
from topics.post import LATEST

MAX_SAMPLE: Final = 200
# A post counts from when its record was stamped, if that is earlier, and a broker may stamp 0.
When = Annotated[int, Meta(ge=0, le=LATEST)]


class Campaign(Struct, gc=False, kw_only=True):
    """The same text, changed a little from post to post, from many accounts that have something to sell."""

    id: Annotated[CampaignId, Meta(description="The campaign's id, as decisions say it; also the record's key.")]
    first_seen: Annotated[When, Meta(description="Time of its first post, in epoch milliseconds.")]
    grew_at: Annotated[When, Meta(description="Time of the post that this record was written with.")]
    posts: Annotated[Count, Meta(description="How many posts it had with that one.")]
    accounts: Annotated[
        Count, Meta(description="How many accounts they came from; reposts and quotes of one original count as one.")
    ]
    agencies: Annotated[Count, Meta(description="How many agencies those accounts are run by, as far as is known.")]
    samples: Annotated[
        list[Annotated[str, Meta(max_length=MAX_SAMPLE)]],
        Meta(description="A few of the texts, the first of each that differ, cut."),
    ]
    links: Annotated[list[str], Meta(description="A few of the sites (registered domains) that they link to.")]


_encoder: Final = json.Encoder()
_decoder: Final = json.Decoder(Campaign)


def encode(campaign: Campaign) -> bytes:
    """The record's value as one line of JSON."""
    return _encoder.encode(campaign)


def decode(value: bytes) -> Campaign:
    """The campaign that `encode` wrote. Raises msgspec.DecodeError (a ValueError) when the bytes are none."""
    return _decoder.decode(value)
