"""The models folder: what is served, verified before it is trusted.

::

    models/<name>/<version>/model.onnx
                            model.json

Every folder is a promise. One that is broken (a card that cannot be read, a file whose SHA-256 is
not the card's, a graph that does not do what the card says) stops the start with the reason;
nothing is skipped. Where the settings name a public key, both files must be signed with it
(``model.onnx.minisig``, ``model.json.minisig``) before anything in them is believed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Protocol

import numpy as np

from petrography.errors import (
    ConfigurationError,
    InvalidParameterError,
    ModelCardError,
    ModelNotFoundError,
)
from petrography.minisign import PublicKey
from petrography.model_card import ModelCard, Precision, newest_version, parse_card, sha256_hex
from service.runtime import (
    Graph,
    ModelNetworks,
    ObserveBatch,
    OnnxPredictor,
    OpenSession,
    Port,
    ScheduledRequest,
    open_session,
)
from service.settings import Settings
from service.signed_files import read_public_key, read_signed

__all__ = ["LoadedModel", "ObserveModel", "Repository", "open_repository", "read_cards"]

_MODEL_FILE, _CARD_FILE = "model.onnx", "model.json"


class ObserveModel(Protocol):
    """Told every run of a network."""

    def __call__(self, provider: str, tiles: int, seconds: float, *, model: str) -> None:
        """Take note of a run of a model, name:version."""


@dataclass(frozen=True)
class LoadedModel:
    """A model that is verified and open.

    Attributes
    ----------
    card : ModelCard
        What it is.
    opened : OpenSession
        The session, where it runs and what it had to do without.
    load_seconds : float
        Time to verify and open it.
    observe : callable or None
        Told provider, number of tiles and seconds of every run.
    card_sha256 : str or None
        Of the file ``model.json``.
    """

    card: ModelCard
    opened: OpenSession
    load_seconds: float
    observe: ObserveBatch | None = None
    card_sha256: str | None = None

    @cached_property
    def networks(self) -> ModelNetworks:
        """Its networks: the same for all requests, so that their tiles can share batches."""
        return ModelNetworks(self.opened, self._tell, geometry=self.card.tile)

    def predictor_for(
        self, allowed_codes: Iterable[int], request: ScheduledRequest | None = None
    ) -> OnnxPredictor:
        """Build the predictor in which only the given classes may occur.

        Parameters
        ----------
        allowed_codes : iterable of int
            Mineral codes, a non-empty subset of the card's classes.
        request : ScheduledRequest, optional
            Through which tiles are run in turns with those of other requests.

        Raises
        ------
        InvalidParameterError
            If a code is none of the model's classes, or none is given.
        """
        codes = set(allowed_codes)
        if not codes or not codes <= set(self.card.classes):
            msg = (
                f"classes {sorted(codes)} were asked of {self.card.name}; wanted some of "
                f"{list(self.card.classes)}"
            )
            raise InvalidParameterError(msg)
        allowed = np.array([code in codes for code in self.card.classes], dtype=np.float32)
        return OnnxPredictor(self.networks, allowed, request)

    def _tell(self, provider: str, tiles: int, seconds: float) -> None:
        if self.observe is not None:
            self.observe(provider, tiles, seconds)

    def warm_up(self) -> float:
        """Run one full batch through every output and check that the graph keeps its contract.

        Returns
        -------
        float
            Seconds that it took.

        Raises
        ------
        ModelCardError
            If labels are no class indices, a masked class occurs, or probabilities do not sum to 1.
        """
        started = time.perf_counter()
        size = self.card.tile.size_px
        shape = (self.opened.tile_batch, size, size, len(self.card.channels))
        tiles = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        # A model may never be asked, or only for one kind of output: it keeps no memory for it.
        warming = ModelNetworks(self.opened, release_memory=True)
        predictor = OnnxPredictor(
            warming, np.array([0.0] + [1.0] * (len(self.card.classes) - 1), dtype=np.float32)
        )
        labels, confidence = predictor.labels(tiles)
        probabilities = predictor.probabilities(tiles)
        _require(
            self.card,
            labels.shape == confidence.shape == shape[:3]
            and probabilities.shape == (shape[0], len(self.card.classes), size, size),
            f"outputs have shapes {labels.shape}, {confidence.shape}, {probabilities.shape}",
        )
        _require(
            self.card,
            bool((labels >= 1).all() and (labels < len(self.card.classes)).all()),
            "a masked or unknown class occurs in the labels",
        )
        _require(
            self.card,
            bool(np.allclose(probabilities.sum(axis=1), 1.0, atol=1e-3)),
            "probabilities do not sum to 1",
        )
        if self.opened.provider != "cpu":
            # The first run on a GPU searches kernels or builds an engine.
            predictor.labels(tiles)
            predictor.probabilities(tiles)
        self.networks.begin_rates(warming)
        return time.perf_counter() - started


class Repository:
    """The models that are served, by name and version.

    Parameters
    ----------
    models : iterable of LoadedModel
        At least one.
    default : str, optional
        ``name`` or ``name:version`` for requests that name none; the first name otherwise.
    precision : {"float32", "float16", "int8"}
        Of the version that a name without a version means.

    Raises
    ------
    ConfigurationError
        If there is no model, or the default is none of them.
    """

    def __init__(
        self,
        models: Iterable[LoadedModel],
        *,
        default: str | None = None,
        precision: Precision = "float32",
    ) -> None:
        self._precision = precision
        self._models = {(model.card.name, model.card.version): model for model in models}
        if not self._models:
            msg = "there is no model to serve; `petroserve export` puts one into the models folder"
            raise ConfigurationError(msg)
        self._default = default or min(self._models)[0]
        try:
            self.get(None)
        except ModelNotFoundError as error:
            msg = f"default_model: {error}"
            raise ConfigurationError(msg) from None

    def __iter__(self) -> Iterator[LoadedModel]:
        """Models by name and version."""
        return iter(self._models[key] for key in sorted(self._models))

    def get(self, wanted: str | None) -> LoadedModel:
        """Find a model.

        Parameters
        ----------
        wanted : str or None
            ``name`` for the version that `petrography.model_card.newest_version` chooses,
            ``name:version`` for that one exactly, None for the default.

        Raises
        ------
        ModelNotFoundError
            If it is not served; names what is.
        """
        specification = self._default if wanted is None else wanted
        name, colon, version = specification.partition(":")
        cards = [model.card for (served, _), model in self._models.items() if served == name]
        if colon:
            chosen = next((card for card in cards if str(card.version) == version), None)
        else:
            chosen = newest_version(cards, self._precision)
        if chosen is None:
            raise self._not_served(specification, no_such_precision=bool(cards) and not colon)
        return self._models[chosen.name, chosen.version]

    def _not_served(self, specification: str, *, no_such_precision: bool) -> ModelNotFoundError:
        served = ", ".join(_named(self._models[key].card) for key in sorted(self._models))
        msg = f"model {specification[:200]!r} is not served; served are {served}"
        if no_such_precision:
            msg = (
                f"the newest weights of model {specification!r} are not served in "
                f"{self._precision}; served are {served}; name a version, or set "
                "PETROSERVE_MODEL_PRECISION to a precision that is there"
            )
        return ModelNotFoundError(msg)

    def is_default(self, model: LoadedModel) -> bool:
        """Whether requests that name no model get this one."""
        return model is self.get(None)


def _named(card: ModelCard) -> str:
    """Name and version, and what is special about it."""
    variant = "" if card.precision == "float32" else f" ({card.precision})"
    return f"{card.name}:{card.version}{variant}"


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
        (path, _read_card(path, public_key))
        for name in _subfolders(folder)
        for path in _subfolders(name)
    ]
    return sorted(found, key=lambda item: (item[1].name, item[1].version))


def open_repository(settings: Settings, observe: ObserveModel | None = None) -> Repository:
    """Verify and open every model of the models folder.

    Parameters
    ----------
    settings : Settings
        `models_folder`, `default_model`, `model_precision`, `models_public_key` and the fields of
        `service.runtime.open_session`.
    observe : callable, optional
        Told provider, number of tiles, seconds and model of every run of a network.

    Raises
    ------
    ConfigurationError
        If there is nothing to serve, or a demanded GPU is not there.
    ModelCardError
        If a folder is broken.
    """
    key = read_public_key(settings.models_public_key)
    models = [
        _open(path, card, settings, observe, key)
        for path, card in read_cards(settings.models_folder, key)
    ]
    return Repository(models, default=settings.default_model, precision=settings.model_precision)


def _subfolders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]


def _read_card(path: Path, public_key: PublicKey | None) -> ModelCard:
    for file in (_CARD_FILE, _MODEL_FILE):
        if not (path / file).is_file():
            msg = f"model folder {path} has no {file}; wanted {_MODEL_FILE} and {_CARD_FILE}"
            raise ModelCardError(msg)
    content = read_signed(path / _CARD_FILE, public_key)
    card = parse_card(content, source=str(path / _CARD_FILE))
    if (path.parent.name, path.name) != (card.name, str(card.version)):
        msg = (
            f"model folder {path} holds the card of {card.name} version {card.version}; wanted "
            f"the folder {card.name}/{card.version}"
        )
        raise ModelCardError(msg)
    return card


def _open(
    path: Path,
    card: ModelCard,
    settings: Settings,
    observe: ObserveModel | None,
    public_key: PublicKey | None,
) -> LoadedModel:
    started = time.perf_counter()
    # Verified, hashed and opened from the same bytes, so that the file cannot change in between.
    model = read_signed(path / _MODEL_FILE, public_key)
    digest = sha256_hex(model)
    if digest != card.onnx_sha256:
        msg = (
            f"{path / _MODEL_FILE} has SHA-256 {digest}, its card says {card.onnx_sha256}: the "
            "file was altered or the card belongs to another"
        )
        raise ModelCardError(msg)
    opened = open_session(model, settings, source=str(path / _MODEL_FILE))
    _check_graph(card, opened.graph())
    tell = None if observe is None else partial(observe, model=f"{card.name}:{card.version}")
    card_sha256 = sha256_hex((path / _CARD_FILE).read_bytes())
    return LoadedModel(card, opened, time.perf_counter() - started, tell, card_sha256)


def _check_graph(card: ModelCard, graph: Graph) -> None:
    classes, channels = len(card.classes), len(card.channels)
    inputs = {
        "image": Port("tensor(uint8)", (None, None, None, channels)),
        "allowed": Port("tensor(float)", (None, classes)),
    }
    outputs = {
        "labels": Port("tensor(uint8)", (None, None, None)),
        "confidence": Port("tensor(uint8)", (None, None, None)),
        "probabilities": Port("tensor(float)", (None, classes, None, None)),
    }
    for kind, wanted, given in (
        ("input", inputs, graph.inputs),
        ("output", outputs, graph.outputs),
    ):
        _require(
            card,
            set(wanted) == set(given),
            f"{kind}s are {sorted(given)}; wanted {sorted(wanted)}",
        )
        for name, port in wanted.items():
            _require(
                card,
                _fits(given[name], port),
                f"{kind} {name} is {given[name]}; wanted {port}",
            )


def _fits(given: Port, wanted: Port) -> bool:
    """Whether a port keeps the contract; shape inference may leave any dimension free."""
    return (
        given.dtype == wanted.dtype
        and len(given.shape) == len(wanted.shape)
        and all(
            have is None or have == want
            for have, want in zip(given.shape, wanted.shape, strict=True)
        )
    )


def _require(card: ModelCard, kept: bool, broken: str) -> None:
    if not kept:
        msg = f"graph of {card.name}:{card.version} does not keep its card: {broken}"
        raise ModelCardError(msg)
