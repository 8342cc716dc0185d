"""Progress bars of long work; they appear on a terminal only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["step_bar"]


@contextmanager
def step_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Show one bar that starts anew for every step of some work.

    Yields
    ------
    callable
        To be told the name of the step, how many of its parts are done, and how many there are.
    """
    from tqdm import tqdm

    current = ""
    with tqdm(disable=None, leave=False) as bar:

        def on_progress(step: str, done: int, total: int) -> None:
            nonlocal current
            if step != current:
                bar.reset(total)
                bar.set_description(step)
                current = step
            bar.update(done - bar.n)

        yield on_progress
