"""Work in threads: it waits for its turn, can be stopped, and is counted."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TypeVar

from petrography.errors import AnalysisCancelledError, InputError
from service.engine.admission import Admission
from service.engine.course import AnalysisEvent, Course
from service.engine.moments import AT_ONCE, Moments
from service.runtime import Priority
from service.settings import Settings
from service.telemetry import Telemetry

__all__ = ["Workers", "counted"]

T = TypeVar("T")


@contextmanager
def counted(count: Callable[[str], object]) -> Iterator[None]:
    """Count how a block ended.

    Parameters
    ----------
    count : callable
        Told the outcome: done, cancelled, refused or failed.
    """
    outcome = "failed"
    try:
        yield
        outcome = "done"
    except (asyncio.CancelledError, AnalysisCancelledError):
        outcome = "cancelled"
        raise
    except InputError:
        # The fault of the client: nothing that an operator has to look after.
        outcome = "refused"
        raise
    finally:
        count(outcome)


async def _ended(work: asyncio.Future[T]) -> None:
    """Wait for an end, also where the waiting is cancelled once more.

    A client that cancels its analysis and then goes cancels twice.
    """
    while not work.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([work])


class Workers:
    """The threads of one process that work on requests.

    Parameters
    ----------
    settings : Settings
        How many work at the same time, and how many may wait.
    telemetry : Telemetry
        Told what happens.

    Attributes
    ----------
    admission : Admission
        Where places and turns are given out.
    """

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self.admission = Admission(
            concurrent=settings.concurrent_analyses,
            interactive=settings.concurrent_interactive,
            queue_length=settings.queue_length,
            telemetry=telemetry,
        )
        self._moments = Moments()
        turns = settings.concurrent_analyses + settings.concurrent_interactive
        self._threads = ThreadPoolExecutor(
            max_workers=turns + AT_ONCE,
            thread_name_prefix="work",
        )

    def close(self) -> None:
        """Wait for what was begun."""
        self._threads.shutdown()

    async def carry_out(
        self,
        work: Callable[[Course], T],
        *,
        priority: Priority = "bulk",
        expected_s: float | None = None,
        tenant: str = "",
        on_event: Callable[[AnalysisEvent], object] | None = None,
    ) -> T:
        """Wait for a turn and work in a thread.

        Cancelling the awaiting task stops the work at its next step; the call returns only when
        its thread has stopped, so that cancelled work never runs beside the next.

        Parameters
        ----------
        work : callable
            Given its course; called in a thread.
        priority : {"interactive", "bulk"}
            Whose turns it takes.
        expected_s : float, optional
            Seconds that it is thought to take.
        tenant : str
            Whose turn it is; turns are shared between tenants.
        on_event : callable, optional
            Told how far the work is, in its thread.

        Raises
        ------
        BaseException
            What `work` raises.
        """
        async with self.admission.turn(priority, expected_s, tenant):
            return await self._in_thread(work, Course(self._telemetry, on_event))

    async def carry_out_at_once(
        self, work: Callable[[Course], T], subject: Hashable, *, tenant: str = ""
    ) -> T:
        """Work for somebody who looks on, in turns that analyses do not take.

        It is stopped as `carry_out` says.

        Parameters
        ----------
        work, tenant
            As for `carry_out`; of some tenths of a second.
        subject : hashable
            What is worked on: by one at a time.

        Raises
        ------
        OverloadedError
            If too many wait.
        BaseException
            What `work` raises.
        """
        async with self._moments.turn(tenant, subject):
            return await self._in_thread(work, Course(self._telemetry))

    async def _in_thread(self, work: Callable[[Course], T], course: Course) -> T:
        # The thread goes on with the trace, and the fields of the log, of who asked.
        running = contextvars.copy_context().run
        future = asyncio.get_running_loop().run_in_executor(self._threads, running, work, course)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            course.stop()
            await _ended(future)
            if not future.cancelled():
                # Looked at, or asyncio reports an error that nobody saw.
                future.exception()
            raise
