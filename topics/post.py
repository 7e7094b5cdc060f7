"""A post as the platform sends it: the value of a record on the topic `posts`.

Times are whole milliseconds since the epoch, UTC. Unknown fields are ignored: the platform may add its own.
Every field has a limit. What the limits alone cannot say (no control characters in ids, no NUL in text)
is checked by `topics.reading`, which is the way bytes become posts.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

MAX_TEXT: Final = 20_000
MAX_NAME: Final = 200
MAX_ID: Final = 128
MAX_LINKS: Final = 100
MAX_LINK: Final = 2_048
MAX_MEDIA: Final = 50
MAX_SCORES: Final = 50
EARLIEST: Final = 946_684_800_000
LATEST: Final = 4_102_444_800_000
"""2000-01-01 and 2100-01-01: a time in seconds falls before them, one in microseconds after."""

Kind = Literal["post", "comment", "repost", "message", "profile"]
# Said in the schemas and checked by `topics.reading`: msgspec's own `pattern` would run an expression a field.
_NO_CONTROL: Final = {"not": {"pattern": r"[\u0000-\u001f\u007f-\u009f]"}}
_NO_NUL: Final = {"not": {"pattern": r"\u0000"}}

Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID, extra_json_schema=_NO_CONTROL)]
Time = Annotated[int, Meta(ge=EARLIEST, le=LATEST)]
Score = Annotated[float, Meta(ge=0.0, le=1.0)]
Link = Annotated[str, Meta(max_length=MAX_LINK, extra_json_schema=_NO_NUL)]


class Author(Struct, gc=False, omit_defaults=True):
    """Who wrote the post, as the platform knew the account when it was sent."""

    id: Annotated[Id, Meta(description="The account's id; also the record's key.")]
    name: Annotated[
        str,
        Meta(
            max_length=MAX_NAME,
            description="Name shown to readers; scored together with the text.",
            extra_json_schema=_NO_NUL,
        ),
    ] = ""
    created_at: Annotated[
        Time | None, Meta(description="When the account was opened, in epoch milliseconds; null if unknown.")
    ] = None
    followers: Annotated[
        Annotated[int, Meta(ge=0, le=4_294_967_295)] | None,
        Meta(description="How many accounts follow this one; null if unknown."),
    ] = None
    agency: Annotated[Id | None, Meta(description="Id of the agency that runs the account, if one does.")] = None


class Media(Struct, gc=False, omit_defaults=True):
    """A picture, video or sound of a post, with what an upstream scanner said about it."""

    kind: Annotated[Id, Meta(description="What it is: image, video, audio.")]
    hash: Annotated[Id | None, Meta(description="Hash of its content, in the platform's own notation.")] = None
    scores: Annotated[
        dict[Id, Score],
        Meta(max_length=MAX_SCORES, description="Scores of the scanner by name, each from 0 to 1."),
    ] = {}


class Post(Struct, gc=False, omit_defaults=True):
    """Something an author published: the unit that gets a verdict."""

    id: Annotated[Id, Meta(description="The post's id, unique on the platform.")]
    text: Annotated[
        str,
        Meta(
            max_length=MAX_TEXT,
            description="What it says, as the author typed it.",
            extra_json_schema=_NO_NUL,
        ),
    ]
    author: Annotated[Author, Meta(description="Who wrote it.")]
    created_at: Annotated[Time, Meta(description="When it was written, in epoch milliseconds.")]
    kind: Annotated[Kind, Meta(description="Where on the platform it appears.")] = "post"
    reply_to: Annotated[Id | None, Meta(description="Id of the post it answers or repeats.")] = None
    links: Annotated[
        list[Link], Meta(max_length=MAX_LINKS, description="Addresses it links to, in order of appearance.")
    ] = []
    ip: Annotated[Id | None, Meta(description="Network address it was sent from.")] = None
    device: Annotated[Id | None, Meta(description="Id of the device it was sent from.")] = None
    lang: Annotated[Id | None, Meta(description="Language the platform believes it is in (BCP 47).")] = None
    media: Annotated[list[Media], Meta(max_length=MAX_MEDIA, description="Pictures, videos and sounds.")] = []
