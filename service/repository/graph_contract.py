"""What the graph of every model promises: its inputs, outputs and what may be in them."""

from __future__ import annotations

from petrography.errors import ModelCardError
from petrography.model_card import ModelCard
from service.runtime import Graph, Port

__all__ = ["check_graph", "require"]


def check_graph(card: ModelCard, graph: Graph) -> None:
    """Check the inputs and outputs of a graph against its card.

    Raises
    ------
    ModelCardError
        If a name, an element type or a dimension is another.
    """
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
        require(
            card,
            set(wanted) == set(given),
            f"{kind}s are {sorted(given)}; wanted {sorted(wanted)}",
        )
        for name, port in wanted.items():
            require(
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


def require(card: ModelCard, kept: bool, broken: str) -> None:
    """Check one promise.

    Raises
    ------
    ModelCardError
        If it is not kept; says what is broken.
    """
    if not kept:
        msg = f"graph of {card.full_name} does not keep its card: {broken}"
        raise ModelCardError(msg)
