"""How the requests of a model that name no version are divided between its versions.

::

    models/<name>/traffic.toml

    [weights]
    4 = 95
    5 = 5

The version of a request follows from what it is about, by a digest, and from nothing else: the same
image gets the same version, in every process and however often it is sent, until the weights are
changed. The newest version takes the lowest shares, so that raising its weight only adds images to
those that it had.
"""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from petrography.errors import ConfigurationError

__all__ = ["TRAFFIC_FILE", "Traffic", "parse_traffic", "read_traffic"]

TRAFFIC_FILE = "traffic.toml"
_MAX_BYTES = 64 * 1024


@dataclass(frozen=True)
class Traffic:
    """Weights of the versions of one model.

    Attributes
    ----------
    weights : mapping of int to float
        By version; none is negative, and some are more than zero.
    """

    weights: Mapping[int, float]

    def share(self, version: int) -> float:
        """Tell the part of the requests that a version gets, in [0, 1]."""
        return self.weights.get(version, 0.0) / sum(self.weights.values())

    @property
    def main_version(self) -> int:
        """The version with the largest weight, of equal ones the newest."""
        return max(self.weights, key=lambda version: (self.weights[version], version))

    def version_for(self, name: str, about: str) -> int:
        """Choose the version of one request.

        Parameters
        ----------
        name : str
            The model: two models divide the same images differently.
        about : str
            What the request is about, such as the digest of its image.

        Examples
        --------
        >>> half = Traffic({1: 1.0, 2: 1.0})
        >>> [half.version_for("tiny", about) for about in ("a", "b", "c", "a")]
        [2, 1, 2, 2]
        """
        digest = hashlib.sha256(f"{name}\n{about}".encode()).digest()
        position = int.from_bytes(digest[:7]) / 2**56 * sum(self.weights.values())
        by_age = sorted(self.weights, reverse=True)
        for version in by_age:
            position -= self.weights[version]
            if position < 0.0:
                return version
        # Only rounding leads here.
        return self.main_version

    def require_served(self, name: str, served: Collection[int]) -> None:
        """Check that every version is there.

        Raises
        ------
        ConfigurationError
            If not; names what is.
        """
        if missing := sorted(set(self.weights) - set(served)):
            msg = (
                f"{TRAFFIC_FILE} of {name} gives weights to versions {missing}, which are not "
                f"served; served are {sorted(served)}"
            )
            raise ConfigurationError(msg)


def read_traffic(folder: Path) -> Traffic | None:
    """Read the weights in the folder of a model; None where there is no such file.

    Raises
    ------
    ConfigurationError
        If the file cannot be used.
    """
    file = folder / TRAFFIC_FILE
    try:
        with file.open("rb") as opened:
            content = opened.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        msg = f"{file} cannot be read: {error}"
        raise ConfigurationError(msg) from error
    return parse_traffic(content, source=str(file))


def parse_traffic(content: bytes, *, source: str) -> Traffic:
    """Parse the weights of a model.

    Parameters
    ----------
    content : bytes
        TOML 1.0 with the one table ``weights``.
    source : str
        What it is, for messages.

    Raises
    ------
    ConfigurationError
        If it is no TOML, states something else, or a weight is not possible.
    """
    wanted = "wanted a table [weights] with lines such as 4 = 95"
    if len(content) > _MAX_BYTES:
        msg = f"{source} has more than {_MAX_BYTES} bytes; {wanted}"
        raise ConfigurationError(msg)
    try:
        stated = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{source} cannot be read: {error}; {wanted}"
        raise ConfigurationError(msg) from None
    weights = stated.get("weights")
    if set(stated) != {"weights"} or not isinstance(weights, dict):
        msg = f"{source} states {sorted(stated)}; {wanted}"
        raise ConfigurationError(msg)
    found = {_version(key, source): _weight(key, value, source) for key, value in weights.items()}
    if not sum(found.values()) > 0.0:
        msg = f"{source}: no version has a weight above zero; {wanted}"
        raise ConfigurationError(msg)
    return Traffic({version: weight for version, weight in found.items() if weight > 0.0})


def _version(key: str, source: str) -> int:
    if not (key.isascii() and key.isdigit() and not key.startswith("0") and len(key) < 10):
        msg = f"{source}: {key[:100]!r} is no version; wanted a whole number such as 4"
        raise ConfigurationError(msg)
    return int(key)


def _weight(key: str, value: object, source: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        msg = f"{source}: version {key} has the weight {value!r}; wanted a number"
        raise ConfigurationError(msg)
    if not (math.isfinite(value) and 0.0 <= value <= 1e9):
        msg = f"{source}: version {key} has the weight {value!r}; wanted 0 to 1e9"
        raise ConfigurationError(msg)
    return float(value)
