"""The generated code is that of the definitions."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_generating_again_gives_the_same_files(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "proto/generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)

    generate.generate(tmp_path)

    generated = {path.name: path.read_bytes() for path in (tmp_path / "service/proto").iterdir()}
    kept = {path.name: path.read_bytes() for path in (ROOT / "service/proto").glob("*_pb2*")}
    assert len(kept) == 6
    assert generated == kept
