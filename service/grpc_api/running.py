"""The analyses that are under way over gRPC in this process, so that they can be given up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from petrography.errors import AnalysisCancelledError, AnalysisNotFoundError

__all__ = ["RunningAnalyses"]

T = TypeVar("T")


@dataclass
class _Run:
    tenant: str
    task: asyncio.Task[Any]
    given_up: bool = False


class RunningAnalyses:
    """Analyses by their ids, with whose they are."""

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}

    @asynccontextmanager
    async def task(
        self, analysis_id: str, tenant: str, work: Coroutine[Any, Any, T]
    ) -> AsyncIterator[asyncio.Task[T]]:
        """Work beside the block; what has not ended with it is given up, and waited for.

        Parameters
        ----------
        analysis_id, tenant : str
            What `cancel` finds it by.
        work : coroutine
            The analysis.

        Raises
        ------
        AnalysisCancelledError
            If it was given up by `cancel`.
        """
        task = asyncio.create_task(work)
        run = self._runs[analysis_id] = _Run(tenant, task)
        try:
            yield task
        except asyncio.CancelledError:
            if not run.given_up:
                raise
            msg = f"the analysis {analysis_id} was cancelled while it ran; ask for it again"
            raise AnalysisCancelledError(msg) from None
        finally:
            del self._runs[analysis_id]
            task.cancel()
            await asyncio.wait({task})

    async def cancel(self, tenant: str, analysis_id: str) -> None:
        """Give up an analysis; returns when it has stopped.

        Parameters
        ----------
        tenant : str
            Who asks: nobody gives up the analyses of others.
        analysis_id : str
            As a client sends it.

        Raises
        ------
        AnalysisNotFoundError
            If no such analysis of the tenant is under way.
        """
        run = self._runs.get(analysis_id)
        if run is None or run.tenant != tenant:
            msg = (
                f"no analysis {analysis_id[:100]!r} is under way; one that has ended cannot be "
                "cancelled"
            )
            raise AnalysisNotFoundError(msg)
        run.given_up = True
        run.task.cancel()
        await asyncio.wait({run.task})
