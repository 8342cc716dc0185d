"""The layer around every method: access, reading of messages, errors, metrics and log."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError

from petrography.errors import (
    MalformedRequestError,
    OverloadedError,
    PetroserveError,
    RateLimitError,
)
from service.access import Guard
from service.audit import asked_by
from service.grpc_api.access import CALLER, Caller, Metadata, admitted
from service.grpc_api.lingering import linger
from service.grpc_api.places import Places, Stranger
from service.grpc_api.refusing import Context, refuse
from service.logs import bound
from service.status import status_of
from service.telemetry import Telemetry
from service.tracing import continued

__all__ = ["Calls"]

Checks: TypeAlias = Mapping[str, Callable[[bytes], None]]

_log = logging.getLogger("petroserve.grpc")
# Health and reflection look after themselves: asked by machines, without keys, and never ending.
_FOREIGN = "/grpc."
# Asked every few seconds by machines; not worth a line.
_NOT_LOGGED = frozenset({"ServerLive", "ServerReady", "ModelReady"})


class Calls(grpc.aio.ServerInterceptor):
    """What comes between the server and the methods of all our services.

    Messages arrive as bytes and are read here, so that one that cannot be read is the client's
    fault and not an unexpected exception.

    Parameters
    ----------
    telemetry : Telemetry
        Told every call.
    guard : Guard or None
        Knows the API keys; None where none are asked for.
    most : int
        Calls that the server takes at the same time.
    checks : mapping of str to callable
        By method, with its leading slash: looks at a message before it is read.
    """

    def __init__(
        self, telemetry: Telemetry, guard: Guard | None, *, most: int, checks: Checks
    ) -> None:
        self._telemetry = telemetry
        self._guard = guard
        self._places = Places(most)
        self._checks = checks
        self._count = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Put the layer around the method that is called."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None:
            return None
        try:
            if method.startswith(_FOREIGN):
                self._places.take_for_stranger(_stranger(handler))
                return handler
            caller = await self._admitted(method, handler_call_details.invocation_metadata)
        except PetroserveError as error:
            return self._refusing(method, error)
        return self._around(handler, method, caller)

    async def _admitted(self, method: str, metadata: Metadata | None) -> Caller:
        """Find out who calls, and take a place; errors as for `admitted` and `Places`."""
        try:
            caller = await admitted(self._guard, method, metadata)
        except PetroserveError:
            self._places.take_for_stranger("asking")
            raise
        if caller.principal is not None:
            self._places.take_for_tenant(caller.tenant)
        elif self._guard is not None:
            self._places.take_for_stranger("asking")
        return caller

    async def until_idle(self, within_s: float) -> bool:
        """Wait until no call of ours is under way; tell whether that was in time."""
        try:
            async with asyncio.timeout(within_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def _refusing(self, method: str, error: Exception) -> grpc.RpcMethodHandler[Any, Any]:
        """Refuse without taking a message, which a method of streams can do."""

        async def answer(requests: Any, context: Context) -> None:
            async with self._observed(method, Caller(None, ()), context):
                # Where too many calls are under way, none stays for longer than it must.
                if isinstance(error, RateLimitError) or not isinstance(error, OverloadedError):
                    await linger(aiter(requests))
                raise error

        return grpc.stream_stream_rpc_method_handler(answer)

    def _around(self, handler: Any, method: str, caller: Caller) -> grpc.RpcMethodHandler[Any, Any]:
        read = _reader(handler.request_deserializer, self._checks.get(method))

        async def answer_one(request: bytes, context: Context) -> Any:
            async with self._observed(method, caller, context):
                return await handler.unary_unary(read(request), context)

        # Written from a coroutine: a generator that the server holds is not closed at once when
        # the client goes.
        async def answer_many(given: Any, context: Context) -> None:
            requests = given if isinstance(given, bytes) else aiter(given)
            async with (
                self._observed(method, caller, context),
                _lingering(requests),
                aclosing(_answers(handler, read, requests, context)) as answers,
            ):
                async for message in answers:
                    await context.write(message)

        serializer = handler.response_serializer
        if not handler.response_streaming:
            return grpc.unary_unary_rpc_method_handler(answer_one, response_serializer=serializer)
        if handler.request_streaming:
            return grpc.stream_stream_rpc_method_handler(
                answer_many, response_serializer=serializer
            )
        return grpc.unary_stream_rpc_method_handler(answer_many, response_serializer=serializer)

    @asynccontextmanager
    async def _observed(self, method: str, caller: Caller, context: Context) -> AsyncIterator[None]:
        """Tell who calls, and how the block ends: errors become the status of the call."""
        CALLER.set(replace(caller, peer=context.peer()))
        began, code = time.perf_counter(), "OK"
        self._enter()
        try:
            traceparents = caller.stated("traceparent")
            with (
                continued(traceparents[-1] if traceparents else None, method, kind="server"),
                bound(**caller.log_fields),
                asked_by(caller.who),
            ):
                yield
        except asyncio.CancelledError:
            code = "DEADLINE_EXCEEDED" if context.time_remaining() == 0 else "CANCELLED"
            raise
        except Exception as error:
            code = status_of(error).grpc
            self._telemetry.observe_error(error)
            await refuse(context, error, method)
            raise
        finally:
            self._leave()
            self._record(method, caller, code, time.perf_counter() - began)

    def _enter(self) -> None:
        self._count += 1
        self._idle.clear()
        self._telemetry.calls_in_flight.inc()

    def _leave(self) -> None:
        self._count -= 1
        self._telemetry.calls_in_flight.dec()
        if not self._count:
            self._idle.set()

    def _record(self, method: str, caller: Caller, code: str, seconds: float) -> None:
        self._telemetry.observe_call(method=method.lstrip("/"), code=code, seconds=seconds)
        if method.rpartition("/")[2] not in _NOT_LOGGED:
            principal = caller.principal
            who = "-" if principal is None else f"{principal.tenant}/{principal.key_id}"
            _log.info("%s %s %.3f s %s", method, code, seconds, who)


def _stranger(handler: Any) -> Stranger:
    return "watching" if handler.response_streaming else "asking"


def _reader(
    deserializer: Callable[[bytes], Any], check: Callable[[bytes], None] | None
) -> Callable[[bytes], Any]:
    """Make what is not a message a fault of the client."""

    def read(message: bytes) -> Any:
        if check is not None:
            check(message)
        try:
            return deserializer(message)
        except DecodeError:
            msg = (
                f"a message of {len(message)} bytes cannot be read; wanted one as the definition "
                "of the service has it (reflection lists it)"
            )
            raise MalformedRequestError(msg) from None

    return read


@asynccontextmanager
async def _lingering(requests: bytes | AsyncIterator[bytes]) -> AsyncIterator[None]:
    """Let a client that is refused send its stream to the end."""
    try:
        yield
    except Exception:
        if not isinstance(requests, bytes):
            await linger(requests)
        raise


def _answers(handler: Any, read: Callable[[bytes], Any], requests: Any, context: Context) -> Any:
    """Call a method that answers in a stream."""
    if handler.request_streaming:
        return handler.stream_stream(_each(requests, read), context)
    return handler.unary_stream(read(requests), context)


async def _each(messages: AsyncIterator[bytes], read: Callable[[bytes], Any]) -> AsyncIterator[Any]:
    async for message in messages:
        yield read(message)
