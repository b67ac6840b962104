"""`make audit`: search the history for secrets, and locked packages for known vulnerabilities.

The exit status is 1 when something was found, or when gitleaks could not run. When no source of
advisories can be reached, the second part says so and passes, so that it works offline; with
`AUDIT_STRICT=1` it fails.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ADVISORY_SECONDS = 120.0
LEAKS = 3
"""Exit status requested from gitleaks for a finding; 1 is also that of its failures."""


def main() -> int:
    """Run both parts; return the exit status."""
    problems = [*secrets()]
    for lock in sorted(ROOT.glob("*/requirements*.txt")):
        problems += vulnerabilities(lock)
    for problem in problems:
        print(f"audit: {problem}", file=sys.stderr)
    return 1 if problems else 0


def secrets() -> list[str]:
    """Search all commits with gitleaks; return the problems."""
    gitleaks = shutil.which("gitleaks")
    if gitleaks is None:
        return ["gitleaks is not installed (on Debian: apt-get install gitleaks)"]
    scan = subprocess.run(
        [gitleaks, "detect", "--no-banner", "--redact", "--verbose", "--exit-code", str(LEAKS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if scan.returncode:
        verdict = "found secrets in the history" if scan.returncode == LEAKS else "failed"
        return [f"gitleaks {verdict}:\n{scan.stdout}{scan.stderr}"]
    print("secrets: none in the repository's history")
    return []


def vulnerabilities(lock: Path) -> list[str]:
    """Check the versions in `lock` with pip-audit; return the problems."""
    name = lock.relative_to(ROOT)
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes"]
    command += ["--progress-spinner", "off", "--format", "json", "-r", str(lock)]
    try:
        asked = subprocess.run(
            command, capture_output=True, text=True, timeout=ADVISORY_SECONDS, check=False
        )
        packages: list[dict[str, Any]] = json.loads(asked.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError):
        packages = []
    audited = [package for package in packages if "skip_reason" not in package]
    if not audited:
        said = f"{name}: not checked: no source of advisories answered"
        print(said)
        return [said] if os.environ.get("AUDIT_STRICT") == "1" else []
    bad = [
        f"{name}: {package['name']} {package['version']} has {flaw['id']}, "
        f"fixed in {', '.join(flaw['fix_versions']) or 'no version yet'}; run: make lock UPGRADE=1"
        for package in audited
        for flaw in package["vulns"]
    ]
    print(f"{name}: {len(audited)} of {len(packages)} packages checked, {len(bad)} vulnerable")
    return bad


if __name__ == "__main__":
    sys.exit(main())
