"""Writes the folding table: `python -m models.folding_table` (needs the extra `train`).

The table says for every Unicode code point which plain one it stands for, and what part it plays in a text.
Its sources are unicodedata (width, case, compatibility forms, accents), OpenCC's character data
(traditional to simplified) and Unicode's confusables as packaged by confusable-homoglyphs (look-alikes of
Latin letters). Only maps of one code point to one are used, so that every folded code has one origin.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from models.folding import DROP, SEPARATOR, SOLO, TABLE_FILE, WORD

# What a combining mark hides in: scripts whose letters read the same without it. Marks of Arabic, Thai or
# Indic scripts spell vowels and stay.
DROPPED_MARKS = (
    (0x0300, 0x036F), (0x0483, 0x0489), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF),
    (0xFE20, 0xFE2F), (0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF),
)  # fmt: skip
# Letters that print nothing, and the five skin tones.
BLANK_LETTERS = {0x115F, 0x1160, 0x3164, 0xFFA0, 0x17B4, 0x17B5}
SKIN_TONES = range(0x1F3FB, 0x1F400)
LINE_ENDS = "\n\v\f\r\x85\u2028\u2029"
# Symbols that carry meaning by themselves; every other symbol may split words and is a separator.
MEANINGFUL = set("+%") | set("$¥€£")
EMOJI = ((0x231A, 0x231B), (0x23E9, 0x23FA), (0x2600, 0x27BF), (0x2B50, 0x2B55), (0x1F000, 0x1FAFF))
ORNAMENTS = {0x2605, 0x2606, *range(0x2726, 0x2731), *range(0x2733, 0x273F), *range(0x2743, 0x274C)}
ACCENTED = ("LATIN", "GREEK", "CYRILLIC")
# Scripts whose confusables are worth a map: what people borrow to write Latin words with.
BORROWED = (
    "LATIN", "GREEK", "CYRILLIC", "COPTIC", "ARMENIAN", "CHEROKEE", "LISU", "DESERET", "CANADIAN SYLLABICS",
    "ROMAN NUMERAL", "MODIFIER LETTER", "SCRIPT", "BLACK-LETTER", "DOUBLE-STRUCK", "OLD ITALIC", "OSAGE",
    "MATHEMATICAL",
)  # fmt: skip
SOLO_SCRIPTS = ("CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO", "IDEOGRAPHIC", "YI SYLLABLE", "KANGXI", "HANGZHOU")
DRAWN_LETTER = re.compile(
    r"(?:(?:NEGATIVE )?(?:CIRCLED|SQUARED)|CROSSED NEGATIVE SQUARED|REGIONAL INDICATOR SYMBOL|PARENTHESIZED)"
    r"(?: LATIN)?(?: CAPITAL| SMALL)? LETTER ([A-Z])$"
)
LATIN_LETTER = re.compile(r"LATIN (?:SMALL|CAPITAL|LETTER SMALL CAPITAL)(?: LETTER)? ([A-Z])(?: WITH .*)?$")


def within(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(low <= code <= high for low, high in ranges)


def role(char: str) -> int:
    """What part a plain character plays: DROP, SEPARATOR, SOLO or WORD."""
    code, category = ord(char), unicodedata.category(char)
    if char in LINE_ENDS or char == "\t":
        return SEPARATOR
    invisible = category in ("Cf", "Cc", "Cs") or code in BLANK_LETTERS or code in SKIN_TONES
    if invisible or within(code, DROPPED_MARKS):
        return DROP
    if char in MEANINGFUL:
        return SOLO
    if code in ORNAMENTS or code == 0x2800:
        return SEPARATOR
    if within(code, EMOJI):
        return SOLO
    if category[0] in "PZS":
        return SEPARATOR
    if unicodedata.name(char, "").startswith(SOLO_SCRIPTS):
        return SOLO
    return WORD


def one_step(char: str) -> str:
    """A plainer character that looks or reads the same; the character itself if there is none."""
    if char in LINE_ENDS:
        return "\n"
    if char == "\t":
        return " "
    for plainer in (compatible, numeral, lower, drawn, simplified, unaccented, lookalike):
        better = plainer(char)
        if better != char:
            return better
    return char


def compatible(char: str) -> str:
    """The compatibility form (full width, mathematical, superscript); without brackets around one letter."""
    form = unicodedata.normalize("NFKC", char).strip("().,〔〕")
    return form if len(form) == 1 else char


def numeral(char: str) -> str:
    """The ASCII digit a digit of any script or shape stands for."""
    digit = unicodedata.digit(char, None)
    return char if digit is None else str(digit)


def lower(char: str) -> str:
    folded = char.casefold()
    return folded if len(folded) == 1 else char.lower() if len(char.lower()) == 1 else char


def drawn(char: str) -> str:
    """The letter inside a circle, a square or a regional indicator."""
    found = DRAWN_LETTER.match(unicodedata.name(char, ""))
    return found[1].lower() if found else char


def simplified(char: str) -> str:
    if not unicodedata.name(char, "").startswith("CJK"):
        return char
    form = opencc_converter()(char)
    return form if len(form) == 1 else char


def unaccented(char: str) -> str:
    """A Latin, Greek or Cyrillic letter without what was added to it."""
    name = unicodedata.name(char, "")
    base = unicodedata.normalize("NFD", char)[0]
    if name.startswith(ACCENTED) and base != char:
        return base
    found = LATIN_LETTER.match(name)
    return found[1].lower() if found else char


def lookalike(char: str) -> str:
    """The Latin letter that a borrowed letter, or its capital, looks like."""
    return latin_twins().get(char) or latin_twins().get(char.upper()) or char


@cache
def opencc_converter():  # type: ignore[no-untyped-def]
    import opencc

    return opencc.OpenCC("t2s").convert


@cache
def latin_twins() -> dict[str, str]:
    """Non-ASCII letter -> the a-z it is confusable with. A capital I is never read as an l."""
    from confusable_homoglyphs import confusables

    letters = "labcdefghijkmnopqrstuvwxyzLABCDEFGHIJKMNOPQRSTUVWXYZ"
    return {
        twin["c"]: letter.lower()
        for letter in letters
        for twin in confusables.confusables_data[letter]
        if len(twin["c"]) == 1 and not twin["c"].isascii() and twin["n"].startswith(BORROWED)
    }


def plain(char: str) -> str:
    """The end of the way from character to plainer character."""
    for _ in range(8):
        better = one_step(char)
        if better == char:
            return char
        char = better
    raise AssertionError(f"the maps of U+{ord(char):04X} turn in a circle")


def build() -> dict[str, NDArray[np.generic]]:
    """The arrays of the table file.

    `src`, `dst`: code points that fold to another, and that other. `role_starts`, `roles`: runs of code
    points with the same role. `unicode`: version of the character database they were made from.
    """
    chars = [chr(code) for code in range(sys.maxunicode + 1)]
    # The role is that of what is written first: an accent alone must go, not turn into the space it
    # decomposes to.
    folded = [char if role(char) == DROP else plain(char) for char in chars]
    roles = np.array([role(char) for char in folded], np.uint8)
    changed = np.array([code for code, char in enumerate(folded) if ord(char) != code], np.uint32)
    starts = np.flatnonzero(np.diff(roles, prepend=255))
    return {
        "src": changed,
        "dst": np.array([ord(folded[code]) for code in changed.tolist()], np.uint32),
        "role_starts": starts.astype(np.uint32),
        "roles": roles[starts],
        "unicode": np.array(unicodedata.unidata_version),
    }


def describe(table: dict[str, NDArray[np.generic]]) -> Iterator[str]:
    yield f"{TABLE_FILE}: {TABLE_FILE.stat().st_size:,} bytes, Unicode {table['unicode']}"
    yield f"{len(table['src']):,} code points fold to another"


def main() -> None:
    table = build()
    np.savez_compressed(TABLE_FILE, allow_pickle=False, **table)
    print(*describe(table), sep="\n")


if __name__ == "__main__":
    main()
