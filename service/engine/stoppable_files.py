"""Files of a result that are no longer written once nobody waits for it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from service.engine.draft import Draft

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["StoppableFiles"]


@dataclass(frozen=True)
class StoppableFiles:
    """The files of a draft, as a `petrography.pipeline.FileSink`.

    The maps and tables of a large image take a minute to write: who cancels it shall not wait that
    long, nor the next in the queue.

    Attributes
    ----------
    draft : Draft
        Where they are written.
    go_on : callable
        Called before each piece is written; stops the writing by raising.
    """

    draft: Draft
    go_on: Callable[[], object]

    def create(self, name: str) -> BinaryIO:
        """Begin a file that is written and read, at any place; whoever asks for it closes it."""
        self.go_on()
        return _Stoppable(self.draft.create(name).detach(), self.go_on)


class _Stoppable(io.BufferedRandom):
    def __init__(self, raw: io.RawIOBase, go_on: Callable[[], object]) -> None:
        super().__init__(raw)
        self._go_on = go_on

    def write(self, piece: ReadableBuffer, /) -> int:
        self._go_on()
        return super().write(piece)
