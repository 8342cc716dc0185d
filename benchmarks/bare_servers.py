"""What HTTP and gRPC take by themselves: servers that read a tensor and answer, and do nothing else.

::

    python benchmarks/bare_servers.py HTTP_PORT GRPC_PORT BYTES

uvicorn and grpc.aio in one event loop, as in a worker of the service. Both read a whole request and
give an answer with two tensors of so many bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.serving import free_port
from service.proto import inference_pb2 as messages
from service.proto.inference_pb2_grpc import (
    GRPCInferenceServiceServicer,
    add_GRPCInferenceServiceServicer_to_server,
)

__all__ = ["bare_servers"]

READY_WITHIN_S = 60.0
HOST = "127.0.0.1"


@contextlib.contextmanager
def bare_servers(answer_bytes: int) -> Iterator[tuple[int, int]]:
    """Serve in a process of its own; gives the ports of HTTP and gRPC.

    Parameters
    ----------
    answer_bytes : int
        Of each of the two tensors of an answer.
    """
    ports = free_port(), free_port()
    process = subprocess.Popen([sys.executable, __file__, *map(str, (*ports, answer_bytes))])
    try:
        for port in ports:
            _wait_for(port)
        yield ports
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    until = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port)):
            return
        time.sleep(0.02)
    sys.exit(f"nothing listens on port {port}")


class _Answering(GRPCInferenceServiceServicer):
    def __init__(self, tensor: bytes) -> None:
        self._tensor = tensor

    async def ModelInfer(
        self, _request: messages.ModelInferRequest, _context: object
    ) -> messages.ModelInferResponse:
        return messages.ModelInferResponse(raw_output_contents=[self._tensor, self._tensor])


async def serve(http_port: int, grpc_port: int, tensor: bytes) -> None:
    """Serve until the process is told to end."""

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        await Response(tensor + tensor)(scope, receive, send)

    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    add_GRPCInferenceServiceServicer_to_server(_Answering(tensor), server)
    server.add_insecure_port(f"{HOST}:{grpc_port}")
    await server.start()
    config = uvicorn.Config(answering, port=http_port, log_config=None, lifespan="off")
    await uvicorn.Server(config).serve()
    await server.stop(None)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    asyncio.run(serve(numbers[0], numbers[1], bytes(numbers[2])))
