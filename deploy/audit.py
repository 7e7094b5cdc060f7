"""`make audit`: the licences of what is shipped, and known vulnerabilities of what is locked.

It ends with 1 if a licence or a vulnerability was found that must not be there, and with 2 if the vulnerabilities
could not be asked for: that is no all-clear.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCK = Path(__file__).with_name("requirements.lock")
FOUND, NOT_AUDITED = 1, 2


def licences() -> int:
    """Print each package's licence; returns 1 if one is not on the list of those allowed."""
    from deploy.licences import shipped

    packages = shipped()
    for package in packages:
        print(f"{package.name:24} {package.version:14} {package.licence}")
    refused = [package for package in packages if not package.allowed]
    for package in refused:
        print(f"not allowed: {package.name} {package.version} is under {package.licence!r}", file=sys.stderr)
    print(f"licences: {len(packages)} packages are shipped, {len(refused)} under a licence that is not allowed")
    return FOUND if refused else 0


def vulnerabilities() -> int:
    """Ask pip-audit about the locked packages; returns 1 if it knows of any, 2 if it could not find out."""
    # With hashes in the lock, nothing is resolved or installed.
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), "--require-hashes", "--disable-pip"]
    asked = subprocess.run(
        [*command, "--format", "json", "--progress-spinner", "off"], capture_output=True, text=True, check=False
    )
    try:
        packages = json.loads(asked.stdout)["dependencies"]
    except (ValueError, KeyError):
        why = (asked.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        print(f"vulnerabilities: NOT AUDITED, the service that knows them gave no answer: {why}", file=sys.stderr)
        return NOT_AUDITED
    return tell(packages)


def tell(packages: list[dict[str, Any]]) -> int:
    """Print what pip-audit's JSON says of each package; returns 1 or 2 as `vulnerabilities` does."""
    # pip-audit itself calls it a success when its service knows no package at all.
    skipped = [package for package in packages if "skip_reason" in package]
    found = 0
    for package in packages:
        for vulnerability in package.get("vulns", ()):
            found += 1
            mended = ", ".join(vulnerability["fix_versions"]) or "none yet"
            print(
                f"{package['name']} {package['version']}: {vulnerability['id']}; mended in: {mended}", file=sys.stderr
            )
    if skipped:
        print(
            f"vulnerabilities: NOT AUDITED are {len(skipped)} of {len(packages)} packages, of which the service knows "
            f"nothing (is it reached through a mirror?), such as: {skipped[0]['skip_reason']}",
            file=sys.stderr,
        )
    print(f"vulnerabilities: {found} known in {len(packages) - len(skipped)} audited packages of {len(packages)}")
    return FOUND if found else NOT_AUDITED if skipped or not packages else 0


if __name__ == "__main__":
    of_licences, of_vulnerabilities = licences(), vulnerabilities()
    raise SystemExit(of_licences or of_vulnerabilities)
