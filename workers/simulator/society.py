"""Who lives on the platform: ordinary authors as columns, and single accounts for the planted scenes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.grammar import Column, name_symbol, phrasebook
from topics.post import Author

DAY_MS = 86_400_000
_PLANTED = 1 << 31  # account numbers from here on are planted ones; ids do not show it
_encode = msgspec.json.Encoder().encode


def account_id(number: int, seed: int) -> str:
    """A distinct id for every number below 2**32 (an odd factor permutes them), without a visible order."""
    return f"u{((number + 1) * 2_654_435_761 + seed * 97) & 0xFFFFFFFF:08x}"


def address(number: int) -> str:
    """An IPv4 address outside the private and reserved ranges."""
    mixed = (number * 2_246_822_519 + 374_761_393) & 0xFFFFFFFF
    return f"{36 + (mixed >> 24) % 62}.{mixed >> 16 & 255}.{mixed >> 8 & 255}.{1 + (mixed & 255) % 254}"


def device(number: int) -> str:
    return f"d-{(number * 3_266_489_917 + 668_265_263) & 0xFFFFFFFF:08x}"


def objects(values: list[Any]) -> Column:
    """A list as an object column, also where numpy would look into its elements."""
    column = np.empty(len(values), object)
    column[:] = values
    return column


@dataclass
class Account:
    """One planted account, or one ordinary author as a scene uses them. `author` is the JSON of the post's author."""

    id: str
    author: msgspec.Raw
    device: str
    ip: str
    lang: str


class Society:
    """`size` ordinary authors. Author number r writes in proportion to 1 / (r + size / 40): Zipf's law with
    Mandelbrot's offset, without which the first author of a platform this fast would write posts by the second."""

    def __init__(self, size: int, seed: int, start_ms: int) -> None:
        self.size, self.seed, self.now_ms = size, seed, start_ms
        self._planted = _PLANTED
        rng = np.random.default_rng([seed, 0x736F])
        weights = 1.0 / (np.arange(size) + 1 + size / 40)
        self._cumulative = np.cumsum(weights / weights.sum())
        self.english = rng.random(size) < 0.3
        names = np.empty(size, object)
        for lang, mask in (("zh", ~self.english), ("en", self.english)):
            symbol = name_symbol("chatter", lang)
            names[mask] = phrasebook().expand({symbol: int(mask.sum())}, rng)[symbol]
        self.age_days = np.where(
            rng.random(size) < 0.06, rng.uniform(0, 30, size), 30 + rng.lognormal(6.6, 0.8, size)
        ).clip(0, 6000)
        followers = rng.lognormal(4.2, 1.7, size).astype(np.int64).clip(0, 30_000_000)
        agency = np.where(rng.random(size) < 0.04, rng.integers(1, 41, size), 0)
        unknown = rng.random(size) < 0.02
        created = start_ms - (self.age_days * DAY_MS).astype(np.int64)
        self.ids = [account_id(number, seed) for number in range(size)]
        self.id_column = objects([id.encode() for id in self.ids])
        self.authors = objects([
            msgspec.Raw(
                _encode(
                    Author(
                        id=self.ids[i],
                        name=name,
                        created_at=None if unknown[i] else when,
                        followers=fans,
                        agency=f"mcn-{agent:02d}" if agent else None,
                    )
                )
            )
            for i, (name, when, fans, agent) in enumerate(
                zip(names, created.tolist(), followers.tolist(), agency.tolist(), strict=True)
            )
        ])  # fmt: skip
        family = np.where(rng.random(size // 3 + 1) < 0.3, 1, 0)[np.arange(size) // 3]
        home = np.where(family == 1, np.arange(size) // 3 * 3, np.arange(size)) + seed % 1009 * 131
        mobile = max(4, size // 12)  # a carrier puts many people behind one address
        self._home = objects([address(number) for number in home.tolist()])
        self._mobile = objects([address(0x40000000 + number) for number in range(mobile)])
        self._devices = objects([device(number) for number in range(2 * size)])
        self._second = rng.random(size) < 0.3

    def draw(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Numbers of the authors of `count` posts."""
        return np.searchsorted(self._cumulative, rng.random(count)).clip(0, self.size - 1)

    def addresses(self, authors: NDArray[np.int64], rng: np.random.Generator) -> Column:
        """Where each of them posts from: mostly home, else the carrier's address of the moment."""
        away = rng.random(len(authors)) < 0.35
        carrier = (authors + rng.integers(0, 3, len(authors))) % len(self._mobile)
        return np.where(away, self._mobile[carrier], self._home[authors])

    def devices(self, authors: NDArray[np.int64], rng: np.random.Generator) -> Column:
        """What each of them posts with: one device, or two for some."""
        other = self._second[authors] & (rng.random(len(authors)) < 0.25)
        return self._devices[2 * authors + other]

    def member(self, number: int) -> Account:
        """An ordinary author by number, at home."""
        lang = "en" if self.english[number] else "zh"
        home, own = self._home[number], self._devices[2 * number]
        return Account(self.ids[number], self.authors[number], own, home, lang)

    def established(self, count: int, rng: np.random.Generator) -> list[Account]:
        """Distinct ordinary authors whose accounts are older than 200 days (fewer when there are not as many)."""
        old = np.flatnonzero(self.age_days > 200)
        return [self.member(int(i)) for i in rng.choice(old, min(count, len(old)), replace=False)]

    def newcomer(
        self,
        name: str,
        lang: str,
        age_days: float,
        rng: np.random.Generator,
        *,
        agency: str | None = None,
        device_number: int | None = None,
        ip_number: int | None = None,
    ) -> Account:
        """A planted account of that age at `now_ms`; with a device and an address of its own, unless it shares."""
        self._planted += 1
        number = self._planted
        author = Author(
            id=account_id(number, self.seed),
            name=name,
            created_at=self.now_ms - int(age_days * DAY_MS),
            followers=int(rng.lognormal(1.0 if age_days < 30 else 3.0, 1.0)),
            agency=agency,
        )
        return Account(
            author.id,
            msgspec.Raw(_encode(author)),
            device(number if device_number is None else _PLANTED + (1 << 30) + device_number),
            address(number if ip_number is None else _PLANTED + (1 << 30) + ip_number),
            lang,
        )
