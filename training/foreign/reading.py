"""Files of foreign weights: only tensors and plain values are ever loaded from them."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from petrography.errors import ConfigurationError

__all__ = ["ForeignFile", "read_foreign_file"]

SAFETENSORS_SUFFIX = ".safetensors"
_PLAIN = (bool, int, float, str)


@dataclass(frozen=True)
class ForeignFile:
    """A state dictionary and what lies beside it.

    Attributes
    ----------
    path : Path
        The file.
    tensors : dict of str to Tensor
        The state dictionary, on the CPU.
    said : dict of str to bool, int, float or str
        Plain values on the top level of the file, such as ``dilated``.
    """

    path: Path
    tensors: dict[str, Tensor]
    said: dict[str, bool | int | float | str]


def read_foreign_file(path: Path, *, tensors: str | None = None) -> ForeignFile:
    """Read weights from a file of torch or safetensors.

    Parameters
    ----------
    path : Path
        ``*.safetensors`` or anything that `torch.save` wrote.
    tensors : str, optional
        Key of the state dictionary within the file, dotted where it lies deeper; default: the only
        one that there is.

    Raises
    ------
    ConfigurationError
        If the file is missing, damaged, holds more than tensors and plain values, or no or several
        state dictionaries.
    """
    content = _loaded(path)
    found = dict(_state_dicts(content))
    if tensors is None and len(found) != 1:
        where = f"several state dictionaries, {sorted(found)}; say which by foreign.tensors"
        msg = f"{path} holds {where if found else 'no state dictionary'}"
        raise ConfigurationError(msg)
    if tensors is not None and tensors not in found:
        msg = f"{path} holds no state dictionary {tensors!r}; there are {sorted(found)}"
        raise ConfigurationError(msg)
    chosen = found[tensors] if tensors is not None else next(iter(found.values()))
    said = {key: value for key, value in content.items() if isinstance(value, _PLAIN)}
    return ForeignFile(path, chosen, said)


def _loaded(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        msg = f"{path} is no file; wanted a state dictionary saved by torch or safetensors"
        raise ConfigurationError(msg)
    try:
        if path.suffix == SAFETENSORS_SUFFIX:
            from safetensors.torch import load_file

            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        msg = (
            f"{path} is damaged or holds more than tensors and plain values, which is never loaded "
            f"because it can run code; save the state dictionary alone: "
            f"torch.save(model.state_dict(), FILE)"
        )
        raise ConfigurationError(msg) from error
    except Exception as error:  # both libraries raise many kinds for a damaged file
        msg = f"{path} cannot be read: {type(error).__name__}: {_first_line(error)}"
        raise ConfigurationError(msg) from error
    if not isinstance(content, Mapping):
        msg = f"{path} holds a {type(content).__name__}; wanted a dictionary of tensors"
        raise ConfigurationError(msg)
    return content


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _state_dicts(
    content: Mapping[str, Any], within: str = ""
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Every dictionary of nothing but tensors, by the keys that lead to it."""
    if content and all(isinstance(value, Tensor) for value in content.values()):
        yield within, {str(key): value for key, value in content.items()}
        return
    for key, value in content.items():
        # An optimiser numbers its parameters, and keeps tensors for each of them.
        if isinstance(value, Mapping) and isinstance(key, str):
            yield from _state_dicts(value, f"{within}.{key}" if within else key)
