"""The models that are served at one moment: a table that never changes, only is replaced."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from petrography.errors import ConfigurationError, ModelNotFoundError
from petrography.model_card import ModelCard, Precision, newest_version
from service.repository.loaded_model import LoadedModel
from service.repository.traffic import Traffic

__all__ = ["Repository"]


class Repository:
    """The models that are served, by name and version.

    Whoever took a model from here keeps it for as long as needed, also when another table stands
    in the place of this one.

    Parameters
    ----------
    models : iterable of LoadedModel
        At least one.
    default : str, optional
        ``name`` or ``name:version`` for requests that name none; the first name otherwise.
    precision : {"float32", "float16", "int8"}
        Of the version that a name without a version means.
    traffic : mapping of str to Traffic, optional
        By the names of models whose requests without a version are divided.

    Raises
    ------
    ConfigurationError
        If there is no model, the default is none of them, or a version with a weight is not there.
    """

    def __init__(
        self,
        models: Iterable[LoadedModel],
        *,
        default: str | None = None,
        precision: Precision = "float32",
        traffic: Mapping[str, Traffic] | None = None,
    ) -> None:
        self._precision = precision
        self._models = {(model.card.name, model.card.version): model for model in models}
        if not self._models:
            msg = "there is no model to serve; `petroserve export` puts one into the models folder"
            raise ConfigurationError(msg)
        self._traffic = dict(traffic or {})
        for name, weights in self._traffic.items():
            weights.require_served(name, self.versions(name))
        self._stated_default = default
        self._default = default or min(self._models)[0]
        try:
            self.get(None)
        except ModelNotFoundError as error:
            msg = f"default_model: {error}"
            raise ConfigurationError(msg) from None

    def __iter__(self) -> Iterator[LoadedModel]:
        """Models by name and version."""
        return iter(self._models[key] for key in sorted(self._models))

    def versions(self, name: str) -> dict[int, LoadedModel]:
        """Give what is served under a name, by version."""
        return {
            version: self._models[served, version]
            for served, version in sorted(self._models)
            if served == name
        }

    def traffic_of(self, name: str) -> Traffic | None:
        """Tell how requests without a version are divided; None: the newest gets all."""
        return self._traffic.get(name)

    def divides(self, wanted: str | None) -> bool:
        """Whether the version of a request depends on what the request is about."""
        name, colon, _ = (self._default if wanted is None else wanted).partition(":")
        return not colon and name in self._traffic

    def get(self, wanted: str | None, about: str | None = None) -> LoadedModel:
        """Find a model.

        Parameters
        ----------
        wanted : str or None
            ``name`` for the version that the weights of the model choose, without weights for that
            of `petrography.model_card.newest_version`; ``name:version`` for that one exactly; None
            for the default.
        about : str, optional
            What the request is about, such as the digest of its image: divides requests by the
            weights. Without it the version with the largest weight is given.

        Raises
        ------
        ModelNotFoundError
            If it is not served; names what is.
        """
        specification = self._default if wanted is None else wanted
        name, colon, version = specification.partition(":")
        cards = [model.card for model in self.versions(name).values()]
        if colon:
            chosen = next((card for card in cards if str(card.version) == version), None)
        elif traffic := self._traffic.get(name):
            number = traffic.main_version if about is None else traffic.version_for(name, about)
            return self._models[name, number]
        else:
            chosen = newest_version(cards, self._precision)
        if chosen is None:
            raise self._not_served(specification, no_such_precision=bool(cards) and not colon)
        return self._models[chosen.name, chosen.version]

    def replaced(
        self, name: str, models: Iterable[LoadedModel], traffic: Traffic | None
    ) -> Repository:
        """Make the table in which a name has other versions or weights.

        Raises
        ------
        ConfigurationError
            If the table would not hold together, or requests that name no version are answered now
            and would not be then.
        """
        others = [model for model in self if model.card.name != name]
        kept = {other: weights for other, weights in self._traffic.items() if other != name}
        mine = list(models)
        following = Repository(
            [*others, *mine],
            default=self._stated_default,
            precision=self._precision,
            traffic=kept if traffic is None else {**kept, name: traffic},
        )
        if mine and self.versions(name):
            try:
                self.get(name)
            except ModelNotFoundError:
                return following
            try:
                following.get(name)
            except ModelNotFoundError as error:
                raise ConfigurationError(str(error)) from None
        return following

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
        """Whether requests that name no model get this one; with weights, most of them."""
        return model is self.get(None)


def _named(card: ModelCard) -> str:
    """Name and version, and what is special about it."""
    variant = "" if card.precision == "float32" else f" ({card.precision})"
    return f"{card.full_name}{variant}"
