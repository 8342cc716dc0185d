"""Looks for known vulnerabilities of the dependencies, where the service that knows them answers.

``python .ci/audit.py`` ends with status 1 where one is known, and with 0 where none is or nobody
could be asked; it says which. Nothing is installed while the service does not answer. What was
found clean is not asked about again for a day, unless ``--anew`` is given.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import time
import urllib.request
import venv
from pathlib import Path
from typing import Any

# What pip-audit asks, about one version that there is; a mirror of the index may not know it.
SERVICE = "https://pypi.org/pypi/pip-audit/2.9.0/json"
FOLDER = Path(".audit")
VERSIONS = Path("constraints.txt")
_PROBE_S, _INSTALL_S, _AUDIT_S, _DAY_S = 3.0, 60.0, 120.0, 86_400.0


class NotAuditedError(Exception):
    """Nobody could be asked; the message says why."""


def main(arguments: list[str]) -> int:
    """Ask, and say what is known; returns the status of the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--anew", action="store_true", help="even if it was clean a moment ago")
    parser.add_argument("--service", default=SERVICE, help="a page that answers where others do")
    asked = parser.parse_args(arguments)
    clean, digest = FOLDER / "clean", hashlib.sha256(VERSIONS.read_bytes()).hexdigest()
    if not asked.anew and _is_fresh(clean, digest):
        print(f"audited: {VERSIONS} was clean less than a day ago")
        return 0
    try:
        require_service(asked.service)
        require_tool()
        dependencies = audited()
    except NotAuditedError as error:
        print(f"not audited: {error}")
        return 0
    found = [one for one in dependencies if one.get("vulns")]
    skipped = [one for one in dependencies if "skip_reason" in one]
    for one in found:
        ids = ", ".join(known["id"] for known in one["vulns"])
        print(f"vulnerable: {one['name']} {one['version']}: {ids}")
    for one in skipped:
        print(f"not audited: {one['name']}: {one['skip_reason']}")
    print(f"audited: {len(dependencies) - len(skipped)} packages, {len(found)} vulnerable")
    if not found and not skipped:
        clean.write_text(digest, encoding="utf-8")
    return 1 if found else 0


def require_service(url: str) -> None:
    """Check that vulnerabilities can be asked for; raises `NotAuditedError`."""
    try:
        with urllib.request.urlopen(url, timeout=_PROBE_S) as answer:
            known = json.load(answer)
    except (OSError, ValueError) as error:
        msg = f"{url} does not answer as it should ({error})"
        raise NotAuditedError(msg) from None
    if not isinstance(known, dict) or "vulnerabilities" not in known:
        msg = f"{url} answers, but knows no vulnerabilities"
        raise NotAuditedError(msg)


def require_tool() -> None:
    """Install pip-audit, where it is not; raises `NotAuditedError`."""
    if (FOLDER / "bin" / "pip-audit").exists():
        return
    venv.create(FOLDER, with_pip=True)
    pip = [str(FOLDER / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    _run([*pip, "install", "--quiet", "--retries", "1", "pip-audit"], _INSTALL_S)


def audited() -> list[dict[str, Any]]:
    """Ask about every pinned version; raises `NotAuditedError`."""
    told = FOLDER / "told.json"
    told.unlink(missing_ok=True)
    tool = [str(FOLDER / "bin" / "pip-audit"), "--requirement", str(VERSIONS)]
    # Its status is 1 both for a vulnerability and for an error: what it wrote tells them apart.
    plainly = ["--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json"]
    said = _run([*tool, *plainly, f"--output={told}"], _AUDIT_S, statuses=(0, 1))
    try:
        dependencies: list[dict[str, Any]] = json.loads(told.read_bytes())["dependencies"]
    except (OSError, ValueError, KeyError, TypeError):
        msg = f"pip-audit told nothing ({said})"
        raise NotAuditedError(msg) from None
    return dependencies


def _is_fresh(clean: Path, digest: str) -> bool:
    try:
        age_s = time.time() - clean.stat().st_mtime
        return age_s < _DAY_S and clean.read_text(encoding="utf-8") == digest
    except OSError:
        return False


def _run(command: list[str], limit_s: float, statuses: tuple[int, ...] = (0,)) -> str:
    """Run a command; returns the last line that it said."""
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit_s)
    except (OSError, subprocess.TimeoutExpired) as error:
        msg = f"{Path(command[0]).name} did not end well: {error}"
        raise NotAuditedError(msg) from None
    last = (run.stderr.strip().splitlines() or [f"status {run.returncode}"])[-1]
    if run.returncode not in statuses:
        msg = f"{Path(command[0]).name} did not end well: {last}"
        raise NotAuditedError(msg)
    return last


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
