"""Where the configurations of two runs differ, apart from where their files lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from training.config import NetworkConfig, TrainingConfig

__all__ = ["recipe_differences"]

# They say where files lie and what is computed where; a judge differs in the last by its nature.
_NO_RECIPE = {
    "name",
    "output",
    "device",
    "data.root",
    *(f"network.{field}" for field in NetworkConfig.STARTS),
    "data.train_on_all",
}


def recipe_differences(judge: TrainingConfig, judged: TrainingConfig) -> tuple[str, ...]:
    """List the fields in which a judge was trained otherwise than what it judges.

    Parameters
    ----------
    judge, judged : TrainingConfig
        The two configurations; what they say of the card, of folders and of ``train_on_all`` is
        left out, and so is what they started from, which the cards tell.

    Returns
    -------
    tuple of str
        ``field: value of the judge, not value of the other``, sorted.
    """
    ours, theirs = (dict(_flat(one.model_dump(exclude={"card"}))) for one in (judge, judged))
    return tuple(
        f"{name}: {ours.get(name)}, not {theirs.get(name)}"
        for name in sorted(ours.keys() | theirs.keys())
        if name not in _NO_RECIPE and ours.get(name) != theirs.get(name)
    )


def _flat(fields: Mapping[str, object], before: str = "") -> Iterator[tuple[str, object]]:
    for name, value in fields.items():
        if isinstance(value, dict) and value and all(isinstance(key, str) for key in value):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value
