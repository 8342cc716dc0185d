"""`.ci/audit.py`: a known vulnerability fails, nobody to ask does not, and both are said."""

from __future__ import annotations

import json
import runpy
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, TypeAlias

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / ".ci" / "audit.py"
# From arguments to the status and what was said.
Audit: TypeAlias = Callable[..., tuple[int, str]]

GOOD = {"name": "good", "version": "1.0", "vulns": []}
BAD = {"name": "bad", "version": "2.0", "vulns": [{"id": "PYSEC-1"}, {"id": "CVE-2"}]}
UNKNOWN = {"name": "own", "skip_reason": "not found"}


@pytest.fixture
def service() -> Iterator[dict[str, Any]]:
    """A vulnerability service: its address, and what it answers."""
    known: dict[str, Any] = {"status": 200, "body": b'{"vulnerabilities": []}'}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(known["status"])
            self.end_headers()
            self.wfile.write(known["body"])

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    known["url"] = f"http://127.0.0.1:{server.server_address[1]}/"
    yield known
    server.shutdown()
    server.server_close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "constraints.txt").write_text("good==1.0\n")
    (tmp_path / ".audit" / "bin").mkdir(parents=True)
    return tmp_path


def tool(root: Path, *dependencies: dict[str, Any], fails: bool = False) -> Path:
    """A pip-audit that knows all this; returns where it counts how often it was asked."""
    asked, path = root / "asked", root / ".audit" / "bin" / "pip-audit"
    content = json.dumps({"dependencies": dependencies})
    writes = "" if fails else f"open(told, 'w').write({content!r})"
    path.write_text(
        f"#!{sys.executable}\nimport sys\nopen({str(asked)!r}, 'a').write('.')\n"
        "told = sys.argv[-1].removeprefix('--output=')\n"
        f"{writes}\nprint('read timed out', file=sys.stderr)\n"
        f"sys.exit({int(fails or any(one.get('vulns') for one in dependencies))})\n"
    )
    path.chmod(0o755)
    return asked


@pytest.fixture
def audit(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Audit:
    """The script in a folder of its own: from its arguments to its status and what it said."""
    monkeypatch.chdir(root)
    main = runpy.run_path(str(SCRIPT))["main"]

    def run(*arguments: str) -> tuple[int, str]:
        return main(list(arguments)), capsys.readouterr().out

    return run


def test_what_is_clean_passes_and_is_asked_again_when_it_changes(
    root: Path, audit: Audit, service: dict[str, Any]
) -> None:
    asked, to = tool(root, GOOD), ("--service", service["url"])
    assert audit(*to) == (0, "audited: 1 packages, 0 vulnerable\n")
    assert "less than a day ago" in audit(*to)[1]
    assert asked.read_text() == "."
    assert audit("--anew", *to)[1].startswith("audited: 1")
    (root / "constraints.txt").write_text("good==1.1\n")
    audit(*to)
    assert asked.read_text() == "..."


def test_a_known_vulnerability_fails_every_time(
    root: Path, audit: Audit, service: dict[str, Any]
) -> None:
    tool(root, GOOD, BAD)
    for _ in range(2):
        status, said = audit("--service", service["url"])
        assert (status, "vulnerable: bad 2.0: PYSEC-1, CVE-2" in said) == (1, True)


@pytest.mark.parametrize(("status", "body"), [(404, b""), (200, b"{}"), (200, b"a proxy says no")])
def test_nobody_to_ask_is_said_and_passes(
    status: int, body: bytes, root: Path, audit: Audit, service: dict[str, Any]
) -> None:
    asked = tool(root, BAD)
    service.update(status=status, body=body)
    code, said = audit("--service", service["url"])
    assert (code, said.startswith("not audited: http")) == (0, True)
    assert not asked.exists()


def test_without_a_network_nothing_is_installed(root: Path, audit: Audit) -> None:
    code, said = audit("--service", "http://127.0.0.1:9/")
    assert (code, "does not answer" in said) == (0, True)
    assert list((root / ".audit").rglob("*")) == [root / ".audit" / "bin"]


def test_what_could_not_be_asked_about_is_said(
    root: Path, audit: Audit, service: dict[str, Any]
) -> None:
    to = ("--service", service["url"])
    tool(root, fails=True)
    assert audit(*to) == (0, "not audited: pip-audit told nothing (read timed out)\n")
    asked = tool(root, GOOD, UNKNOWN)
    for _ in range(2):
        assert "not audited: own: not found\naudited: 1 packages" in audit(*to)[1]
    assert asked.read_text() == "..."
