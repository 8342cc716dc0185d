"""The folders of models: found, their cards read, their graphs verified and opened.

::

    models/<name>/<version>/model.onnx
                            model.json

Every folder is a promise: a card that can be read, a file whose SHA-256 is the card's, a graph that
does what the card says. Where the settings name a public key, both files must be signed with it
(``model.onnx.minisig``, ``model.json.minisig``) before anything in them is believed.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from petrography.errors import ConfigurationError, ModelCardError
from petrography.minisign import PublicKey
from petrography.model_card import ModelCard, parse_card, sha256_hex
from service.repository.graph_contract import check_graph
from service.repository.loaded_model import LoadedModel, ObserveModel
from service.runtime import open_session
from service.settings import Settings
from service.signed_files import read_signed

__all__ = [
    "CARD_FILE",
    "MODEL_FILE",
    "open_model",
    "read_card",
    "read_cards",
    "read_graph",
    "subfolders",
]

MODEL_FILE, CARD_FILE = "model.onnx", "model.json"


def read_cards(folder: Path, public_key: PublicKey | None = None) -> list[tuple[Path, ModelCard]]:
    """Find the model folders and read their cards, without opening a graph.

    Parameters
    ----------
    folder : Path
        The models folder. Names that begin with a dot, and files beside the folders, are no
        models.
    public_key : PublicKey, optional
        Every card must be signed with it.

    Returns
    -------
    list of (Path, ModelCard)
        By name and version.

    Raises
    ------
    ConfigurationError
        If `folder` is not there.
    ModelCardError
        If a folder is incomplete or its card cannot be trusted.
    """
    if not folder.is_dir():
        msg = f"models folder {folder} does not exist; set PETROSERVE_MODELS_FOLDER"
        raise ConfigurationError(msg)
    found = [
        (path, read_card(path, public_key))
        for name in subfolders(folder)
        for path in subfolders(name)
    ]
    return sorted(found, key=lambda item: (item[1].name, item[1].version))


def subfolders(folder: Path) -> list[Path]:
    """Find the folders of names, or of versions; a name that begins with a dot is none."""
    return [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]


def read_card(path: Path, public_key: PublicKey | None) -> ModelCard:
    """Read the card of one folder.

    Raises
    ------
    ModelCardError
        If the folder is incomplete, or its card cannot be trusted or belongs elsewhere.
    """
    for file in (CARD_FILE, MODEL_FILE):
        if not (path / file).is_file():
            msg = f"model folder {path} has no {file}; wanted {MODEL_FILE} and {CARD_FILE}"
            raise ModelCardError(msg)
    content = read_signed(path / CARD_FILE, public_key)
    card = parse_card(content, source=str(path / CARD_FILE))
    if (path.parent.name, path.name) != (card.name, str(card.version)):
        msg = (
            f"model folder {path} holds the card of {card.name} version {card.version}; wanted "
            f"the folder {card.name}/{card.version}"
        )
        raise ModelCardError(msg)
    return card


def read_graph(path: Path, card: ModelCard, public_key: PublicKey | None) -> bytes:
    """Read the graph of one folder and verify that it is the one of its card.

    Raises
    ------
    ModelCardError
        If it is another, or its signature is missing or wrong.
    """
    model = read_signed(path / MODEL_FILE, public_key)
    digest = sha256_hex(model)
    if digest != card.onnx_sha256:
        msg = (
            f"{path / MODEL_FILE} has SHA-256 {digest}, its card says {card.onnx_sha256}: the "
            "file was altered or the card belongs to another"
        )
        raise ModelCardError(msg)
    return model


def open_model(
    path: Path,
    card: ModelCard,
    settings: Settings,
    observe: ObserveModel | None,
    public_key: PublicKey | None,
) -> LoadedModel:
    """Verify and open the graph of one folder.

    Raises
    ------
    ConfigurationError
        If a demanded GPU is not there.
    ModelCardError
        If the graph cannot be trusted, cannot be opened, or does not do what the card says.
    """
    started = time.perf_counter()
    # Verified, hashed and opened from the same bytes, so that the file cannot change in between.
    model = read_graph(path, card, public_key)
    opened = open_session(model, settings, source=str(path / MODEL_FILE))
    check_graph(card, opened.graph())
    tell = None if observe is None else partial(observe, model=card.full_name)
    card_sha256 = sha256_hex((path / CARD_FILE).read_bytes())
    return LoadedModel(card, opened, time.perf_counter() - started, tell, card_sha256)
