"""Why bytes are not a post, in words: a short code and a sentence for a person.

Only what has been refused comes here, so clearness goes before speed.
"""

from __future__ import annotations

import re
from typing import Final, get_args

from msgspec import ValidationError

from topics.dead_letter import Reason
from topics.post import EARLIEST, LATEST, Kind

_TYPES: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}

# msgspec tells what is wrong with a value only in its message.
_PLACE: Final = re.compile(r"(?: - at (?:`key` in )?`\$\.?(?P<path>[^`]*)`)?$")
_COMPLAINTS: Final[tuple[tuple[re.Pattern[str], Reason, str], ...]] = (
    (re.compile(r"Expected `str` of length <= (\d+)"), "too_large", "{field} has more than {0} characters"),
    (
        re.compile(r"Expected `(?:array|object)` of length <= (\d+)"),
        "too_large",
        "{field} has more than {0} entries",
    ),
    (
        re.compile(r"Expected `str` of length >= (\d+)"),
        "schema",
        "{field} is empty: leave it out or give it a value",
    ),
    (
        re.compile(rf"Expected `int` (?:>= {EARLIEST}|<= {LATEST})"),
        "schema",
        "{field} is not between the years 2000 and 2100; times are milliseconds since 1970",
    ),
    (re.compile(r"Expected `\w+` >= ([\d.]+)"), "schema", "{field} is below its least value, {0}"),
    (re.compile(r"Expected `\w+` <= ([\d.]+)"), "schema", "{field} is above its greatest value, {0}"),
    (re.compile(r"Expected `([\w |]+)`, got `(\w+)`"), "schema", "{field} must be {0}, not {1}"),
    (re.compile(r"Invalid enum value"), "schema", "{field} must be one of " + ", ".join(get_args(Kind))),
    (re.compile(r"(?:Integer value|Number) out of range"), "schema", "{field} is a number beyond all limits"),
)
# msgspec's message for half a surrogate pair depends on what follows it, so escapes are looked at one by one.
_ESCAPE: Final = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]|(?P<half>u[dD][89a-fA-F])|.)", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(\w+)`")


def why_refused(error: Exception, value: bytes) -> tuple[Reason, str]:
    """The code and the sentence for what the decoder of posts raised on reading the value."""
    if isinstance(error, RecursionError):
        return "too_large", "lists or objects are nested too deeply to be read"
    if isinstance(error, ValidationError):
        return _broken_schema(str(error))
    try:
        text = value.decode()
    except UnicodeDecodeError as wrong:
        return "encoding", f"the bytes are not UTF-8 (byte {wrong.start})"
    if not text:
        return "not_json", "the value is empty"
    if any(escape["half"] for escape in _ESCAPE.finditer(text)):
        return "encoding", "a \\u escape is half of a surrogate pair, which stands for no character"
    place = re.search(r"\(byte \d+\)", str(error))
    return (
        "not_json",
        f"the value is not JSON {place[0]}" if place else "the value is not JSON: it breaks off",
    )


def _broken_schema(message: str) -> tuple[Reason, str]:
    place = _PLACE.search(message)
    path = (place and place["path"]) or ""
    if missing := _MISSING.match(message):
        return "schema", f"{path}.{missing[1]} is missing" if path else f"{missing[1]} is missing"
    # A name of the sender's stands in no path: msgspec writes [...] for the keys of a mapping.
    field = path.replace("[...]", "") or "the value"
    for pattern, reason, sentence in _COMPLAINTS:
        if found := pattern.match(message):
            return reason, sentence.format(*map(_in_words, found.groups()), field=field)
    return "schema", f"{field} does not fit the schema of a post"


def _in_words(name: str) -> str:
    return " or ".join(_TYPES.get(part, part) for part in name.split(" | "))
