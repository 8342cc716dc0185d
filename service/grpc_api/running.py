"""The analyses that are under way over gRPC in this process, so that they can be given up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from petrography.errors import AnalysisCancelledError

__all__ = ["Run", "RunningAnalyses"]


@dataclass
class Run:
    """One analysis under way.

    Attributes
    ----------
    owner : str
        The tenant whose it is; empty without API keys.
    task : asyncio.Task
        The work.
    analysis_id : str
        Empty until it has one.
    given_up : bool
        Whether it was cancelled by request.
    """

    owner: str
    task: asyncio.Task[Any]
    analysis_id: str = ""
    given_up: bool = False


class RunningAnalyses:
    """The analyses that are under way."""

    def __init__(self) -> None:
        self._runs: list[Run] = []

    @asynccontextmanager
    async def run(self, owner: str, work: Coroutine[Any, Any, Any]) -> AsyncIterator[Run]:
        """Work beside the block; what has not ended with it is given up, and waited for.

        Parameters
        ----------
        owner : str
            Whose it is.
        work : coroutine
            The analysis.

        Raises
        ------
        AnalysisCancelledError
            If it was given up by `cancel`.
        """
        run = Run(owner, asyncio.create_task(work))
        self._runs.append(run)
        try:
            yield run
        except asyncio.CancelledError:
            if not run.given_up:
                raise
            msg = f"the analysis {run.analysis_id} was cancelled while it ran; ask for it again"
            raise AnalysisCancelledError(msg) from None
        finally:
            self._runs.remove(run)
            run.task.cancel()
            await asyncio.wait({run.task})

    async def cancel(self, owner: str, analysis_id: str) -> bool:
        """Give up an analysis; returns when it has stopped.

        Parameters
        ----------
        owner : str
            Who asks: nobody gives up the analyses of others.
        analysis_id : str
            As a client sends it.

        Returns
        -------
        bool
            Whether such an analysis of the tenant is under way here.
        """
        found = [run for run in self._runs if (run.owner, run.analysis_id) == (owner, analysis_id)]
        if not analysis_id or not found:
            return False
        for run in found:
            run.given_up = True
            run.task.cancel()
        await asyncio.wait({run.task for run in found})
        return True
