"""Every tensor of a network finds its foreign one by name and shape, or all that do not are named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch
from torch import Tensor

from petrography.errors import ConfigurationError
from training.foreign.config import ForeignConfig
from training.foreign.layouts import foreign_name, turned
from training.foreign.reading import ForeignFile
from training.network_config import NetworkConfig
from training.networks.description import described

__all__ = ["Match", "match_weights"]

# Counts the batches of a training that is over; older files lack it.
_COUNTER = "num_batches_tracked"
_OUTPUTS = ("head.", "segmentation_head.0.")
_ENCODER = "encoder."
ZERO_ROW = -1


@dataclass(frozen=True)
class Match:
    """Foreign weights in our names and shapes.

    Attributes
    ----------
    weights : dict of str to Tensor
        State dictionary of the network, or that part of it which the file holds.
    prefix : str
        What stood before every foreign name.
    outputs : int
        Outputs that the foreign network has.
    rows : tuple of int
        Which of them the classes are; -1 is an output of zeros.
    ignored : tuple of str
        Tensors left out because the configuration says so.
    """

    weights: dict[str, Tensor]
    prefix: str
    outputs: int
    rows: tuple[int, ...]
    ignored: tuple[str, ...]


def match_weights(
    wanted: Mapping[str, Tensor],
    file: ForeignFile,
    *,
    network: NetworkConfig,
    foreign: ForeignConfig,
    classes: Sequence[int],
) -> Match:
    """Lay foreign weights onto a network.

    Parameters
    ----------
    wanted : mapping of str to Tensor
        State dictionary of the bare network, for its names, shapes and number formats.
    file : ForeignFile
        The foreign weights.
    network : NetworkConfig
        The network.
    foreign : ForeignConfig
        How the weights are laid out.
    classes : sequence of int
        Mineral codes of our outputs.

    Raises
    ------
    ConfigurationError
        If a tensor is missing, unexpected, of another shape or not finite (all are named), the
        outputs are not those of the classes, or the file contradicts the configuration.
    """
    _require_same_dilation(file, network)
    if foreign.part == "encoder":
        wanted = {ours: one for ours, one in wanted.items() if ours.startswith(_ENCODER)}
    names, prefix = _foreign_names(wanted, file, foreign_name(foreign.layout, network))
    found = {
        ours: turned(file.tensors[theirs], ours, foreign.layout, network.architecture)
        for ours, theirs in names.items()
        if theirs in file.tensors
    }
    outputs, rows = (0, ()) if foreign.part == "encoder" else _rows(found, file, foreign, classes)
    found = {
        ours: _chosen(tensor, rows) if ours.startswith(_OUTPUTS) else tensor
        for ours, tensor in found.items()
    }
    ignored, unexpected = _left_over(file, names, foreign.ignored)
    misfits = {"unexpected": unexpected, **_misfits(wanted, found, names)}
    _require_none(misfits, file, network)
    weights = {
        ours: found[ours].to(one.dtype) if ours in found else torch.zeros_like(one)
        for ours, one in wanted.items()
    }
    return Match(weights, prefix, outputs, rows, ignored)


def _foreign_names(
    wanted: Mapping[str, Tensor], file: ForeignFile, their_name: Callable[[str], str]
) -> tuple[dict[str, str], str]:
    """Foreign name of every tensor of ours, and the prefix that most of them share."""
    bare = {ours: their_name(ours) for ours in wanted}
    known = set(bare.values())
    prefixes: Counter[str] = Counter()
    for name in file.tensors:
        parts = name.split(".")
        # `module.`, `model.`, `_orig_mod.`: every way of training wraps networks in its own.
        prefixes.update(
            name.removesuffix(tail)
            for tail in (".".join(parts[start:]) for start in range(len(parts)))
            if tail in known
        )
    prefix = prefixes.most_common(1)[0][0] if prefixes else ""
    return {ours: prefix + theirs for ours, theirs in bare.items()}, prefix


def _rows(
    found: Mapping[str, Tensor], file: ForeignFile, foreign: ForeignConfig, classes: Sequence[int]
) -> tuple[int, tuple[int, ...]]:
    """Outputs of the foreign network, and which of them the classes are."""
    counts = {len(tensor) for ours, tensor in found.items() if ours.startswith(_OUTPUTS)}
    if len(counts) != 1:
        return 0, ()  # no outputs at all: they will be named as missing or misshaped
    outputs = counts.pop()
    rows: tuple[int, ...]
    match foreign.output_rows:
        case "sigmoid":
            rows, wanted = (ZERO_ROW, 0), f"one output for two classes, not for {len(classes)}"
            fits = outputs == 1 and len(classes) == len(rows)
        case "codes":
            rows, wanted = tuple(classes), f"outputs up to code {max(classes)}"
            fits = max(classes) < outputs
        case None:
            rows, wanted = tuple(range(len(classes))), f"{len(classes)}, or foreign.output_rows"
            fits = outputs == len(classes)
        case stated:
            rows, wanted = stated, f"one row below {outputs} for each of {len(classes)} classes"
            fits = len(rows) == len(classes) and all(0 <= row < outputs for row in rows)
    if not fits:
        msg = f"{file.path} has {outputs} outputs; wanted {wanted}"
        raise ConfigurationError(msg)
    return outputs, rows


def _chosen(outputs: Tensor, rows: Sequence[int]) -> Tensor:
    """Weights or biases of the outputs of our classes."""
    zeros = torch.zeros_like(outputs[0])
    # The softmax over a score and zero is the sigmoid of the score.
    return torch.stack([zeros if row == ZERO_ROW else outputs[row] for row in rows])


def _left_over(
    file: ForeignFile, names: Mapping[str, str], patterns: Sequence[str]
) -> tuple[tuple[str, ...], list[str]]:
    left = set(file.tensors) - set(names.values())
    ignored = {name for name in left if any(fnmatchcase(name, one) for one in patterns)}
    return tuple(sorted(ignored)), sorted(left - ignored)


def _misfits(
    wanted: Mapping[str, Tensor], found: Mapping[str, Tensor], names: Mapping[str, str]
) -> dict[str, list[str]]:
    return {
        "missing": [
            names[ours] for ours in wanted if ours not in found and not ours.endswith(_COUNTER)
        ],
        "of another shape": [
            f"{names[ours]} {tuple(tensor.shape)} instead of {tuple(wanted[ours].shape)}"
            for ours, tensor in found.items()
            if tensor.shape != wanted[ours].shape
        ],
        "not finite": [names[ours] for ours, one in found.items() if not one.isfinite().all()],
    }


def _require_none(
    misfits: Mapping[str, Sequence[str]], file: ForeignFile, network: NetworkConfig
) -> None:
    if any(misfits.values()):
        told = "; ".join(f"{kind}: {', '.join(one)}" for kind, one in misfits.items() if one)
        msg = f"{file.path} does not fit {described(network)}: {told}"
        raise ConfigurationError(msg)


def _require_same_dilation(file: ForeignFile, network: NetworkConfig) -> None:
    """Dilation changes no shape: the file's own word is all that there is to go by."""
    said = file.said.get("dilated")
    if isinstance(said, bool) and said != network.dilated:
        msg = (
            f"{file.path} says dilated {said}, the configuration network.dilated "
            f"{network.dilated}; make them agree"
        )
        raise ConfigurationError(msg)
