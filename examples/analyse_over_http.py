"""Client of the service: post a photograph, print the composition, keep every file.

    python examples/analyse_over_http.py field.png --association S1 --out results

It needs nothing of Petroserve, only the package httpx. Where the service asks for an API key, it
stands in the variable PETROSERVE_API_KEY.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import httpx


def analyse(client: httpx.Client, image: bytes, request: dict[str, Any]) -> dict[str, Any]:
    """Post one photograph.

    Parameters
    ----------
    client : httpx.Client
        With the address of the service as its base URL.
    image : bytes
        A PNG, JPEG or TIFF file.
    request : dict
        `association`, `um_per_px` and other fields of the JSON part; absent ones take defaults.

    Returns
    -------
    dict
        The content of result.json.

    Raises
    ------
    RuntimeError
        If the service refuses; the message is that of its problem document.
    """
    parts = {"image": image, "request": (None, json.dumps(request), "application/json")}
    answer = client.post("/v1/analyses", files=parts)
    if answer.is_error:
        problem = answer.json()
        msg = f"{problem['title']} ({problem['status']}): {problem.get('detail', 'no detail')}"
        raise RuntimeError(msg)
    result: dict[str, Any] = answer.json()
    return result


def save_artefacts(client: httpx.Client, result: dict[str, Any], folder: Path) -> None:
    """Fetch every file that a result lists into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for artefact in result["artefacts"]:
        content = client.get(artefact["href"]).raise_for_status().content
        (folder / artefact["name"]).write_bytes(content)


def composition(result: dict[str, Any]) -> str:
    """Write the modal composition as lines of text."""
    return "\n".join(
        f"{phase['name']:<24}{phase['area_percent']:7.2f} %  95 % interval {phase['ci95']}"
        for phase in result["modal"]
    )


def main() -> int:
    """Analyse the photograph of the command line."""
    parser = argparse.ArgumentParser(description="Post a photograph of ore to Petroserve.")
    parser.add_argument("image", type=Path)
    parser.add_argument("--service", default="http://127.0.0.1:3000")
    parser.add_argument("--association", help="what may occur: S1, S2, S3 or codes")
    parser.add_argument("--um-per-px", type=float)
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    arguments = parser.parse_args()
    stated = {"association": arguments.association, "um_per_px": arguments.um_per_px}
    request = {name: value for name, value in stated.items() if value is not None}
    key = os.environ.get("PETROSERVE_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with httpx.Client(base_url=arguments.service, headers=headers, timeout=600) as client:
            result = analyse(client, arguments.image.read_bytes(), request)
            save_artefacts(client, result, arguments.out)
    except (RuntimeError, OSError, httpx.HTTPError) as error:
        sys.exit(str(error))
    print(composition(result))
    for degradation in result["degradations"]:
        print(f"note: {degradation}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
