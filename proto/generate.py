"""Generate service/proto from the definitions beside this file: `make proto`."""

from __future__ import annotations

import sys
from pathlib import Path

from grpc_tools import protoc

__all__ = ["generate"]

_DEFINITIONS = Path(__file__).resolve().parent
_PACKAGE = "service/proto"


def generate(destination: Path) -> None:
    """Write the generated code below a folder.

    Parameters
    ----------
    destination : Path
        The root of the repository, or a folder to compare with it.

    Raises
    ------
    RuntimeError
        If a definition is wrong; the compiler says why on stderr.
    """
    definitions = sorted(_DEFINITIONS.rglob("*.proto"))
    # Mapped to the package that they are imported from: the generated files import each other.
    status = protoc.main(
        [
            "protoc",
            *(f"-I{_PACKAGE}={path.parent}" for path in definitions),
            f"--python_out={destination}",
            f"--pyi_out={destination}",
            f"--grpc_python_out={destination}",
            *(f"{_PACKAGE}/{path.name}" for path in definitions),
        ]
    )
    if status != 0:
        msg = f"the compiler of protocol buffers ended with {status}"
        raise RuntimeError(msg)


if __name__ == "__main__":
    generate(Path(sys.argv[1]))
