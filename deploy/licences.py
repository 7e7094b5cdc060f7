"""The licences of what is shipped: Sluicegate, what it needs and its embedded services, but no developers' tools."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import NamedTuple

from license_expression import AND, OR, ExpressionError, LicenseSymbol, get_spdx_licensing
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT, EXTRAS = "sluicegate", ("embedded", "otel")
# Licences under which an Apache-2.0 program may be given on with these beside it, as wheels of their own.
ALLOWED = frozenset(
    {
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MPL-2.0", "PSF-2.0", "Zlib"),
        # "BSD License" without a number (two or three clauses), and Repoze's, which is BSD's with other names.
        *("LicenseRef-BSD", "LicenseRef-Repoze"),
    }
)
# How packages without an SPDX expression spell their licence, in the field or in a classifier.
SPELT = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "LicenseRef-BSD",
    "BSD-derived (Repoze)": "LicenseRef-Repoze",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Repoze Public License": "LicenseRef-Repoze",
}
UNKNOWN = "unknown"
_SPDX = get_spdx_licensing()


class Shipped(NamedTuple):
    """A package that comes with Sluicegate. licence: an SPDX expression, or `unknown`."""

    name: str
    version: str
    licence: str
    allowed: bool


def shipped() -> list[Shipped]:
    """Everything that `pip install sluicegate[embedded,otel]` brings to this machine, by name.

    Raises:
        PackageNotFoundError: a part of it is not installed.
    """
    found = {}
    for each in _closure(ROOT, EXTRAS, set()):
        expression = licence(each)
        found[canonicalize_name(each.name)] = Shipped(each.name, each.version, expression, allowed(expression))
    return [found[name] for name in sorted(found)]


def _closure(name: str, extras: tuple[str, ...], seen: set[tuple[str, str]]) -> Iterator[Distribution]:
    try:
        package = distribution(name)
    except PackageNotFoundError:
        raise PackageNotFoundError(f"{name} is not installed: `make setup` installs it") from None
    yield package
    for requirement in map(Requirement, package.requires or ()):
        for extra in ("", *extras):
            key = (requirement.name, extra + str(sorted(requirement.extras)))
            if key not in seen and (requirement.marker is None or requirement.marker.evaluate({"extra": extra})):
                seen.add(key)
                yield from _closure(requirement.name, tuple(sorted(requirement.extras)), seen)


def licence(package: Distribution) -> str:
    """A package's licence as an SPDX expression: its own, or made of what it says in words."""
    expression, field = (
        str(package.metadata[name]).strip() if name in package.metadata else ""
        for name in ("License-Expression", "License")
    )
    # A whole licence may stand in the field; only a known word is taken from it.
    if expression or field in SPELT or field in ALLOWED:
        return expression or SPELT.get(field, field)
    classifiers = package.metadata.get_all("Classifier") or []
    last = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License :: OSI Approved :: ")]
    return " AND ".join(SPELT.get(each, UNKNOWN) for each in last) or UNKNOWN


def allowed(expression: str) -> bool:
    """True if the expression leaves us a licence of the list: any side of an OR, every side of an AND."""
    try:
        return _allowed(_SPDX.parse(expression))
    except ExpressionError:
        return False


def _allowed(node: object) -> bool:
    if isinstance(node, AND):
        return all(map(_allowed, node.args))
    if isinstance(node, OR):
        return any(map(_allowed, node.args))
    return isinstance(node, LicenseSymbol) and node.key in ALLOWED
