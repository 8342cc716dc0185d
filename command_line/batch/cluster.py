"""Ray, begun on this machine for the length of a batch, or the cluster that there is."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

from command_line.batch.division import Division
from petrography.errors import ConfigurationError

__all__ = ["connected", "load_ray"]

# Read by Ray when it is imported: it reports usage over the network otherwise.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
# Alone, Ray listens on the loopback address only (that is how it does so on systems where it knows
# no clusters), and does what bears this batch's token: other people of the machine reach it too.
_ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
# Errors reach us as exceptions; what Ray's own processes say stays in their files.
_QUIET = {"RAY_BACKEND_LOG_LEVEL": "fatal"}
# Paths and rows, some kilobytes a photograph; Ray takes no less than 75 MiB.
_OBJECT_STORE_BYTES = 80 * 1024**2
_ANSWER_WITHIN_S = 10.0


def load_ray(cluster: str | None) -> Any:
    """Import Ray.

    Parameters
    ----------
    cluster : str or None
        Address of a cluster; None where this machine works alone.

    Raises
    ------
    ModuleNotFoundError
        If the extra is not installed.
    """
    os.environ.update(_QUIET)
    if cluster is None:
        os.environ.update({**_ALONE, "RAY_AUTH_TOKEN": secrets.token_hex(32)})
    import ray.data
    import ray.util.annotations

    return ray


@contextmanager
def connected(ray: Any, cluster: str | None, division: Division) -> Iterator[None]:
    """Begin Ray, or find the cluster, for the length of the block.

    Parameters
    ----------
    ray : module
        Of `load_ray`.
    cluster : str or None
        Address of a cluster; None where this machine works alone.
    division : Division
        What workers need where this machine works alone.

    Raises
    ------
    ConfigurationError
        If Ray does not begin, or the cluster does not answer.
    """
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    with ExitStack() as stack:
        if cluster is None:
            # Files of Ray's processes, which are of no use afterwards.
            folder = tempfile.TemporaryDirectory(prefix="petroserve-", ignore_cleanup_errors=True)
            options |= {
                "address": "local",
                "num_cpus": division.cores_alone(),
                "num_gpus": None if division.on_gpu else 0,
                "include_dashboard": False,
                "object_store_memory": _OBJECT_STORE_BYTES,
                "_temp_dir": stack.enter_context(folder),
            }
        else:
            _require_answer(cluster)
            options["address"] = cluster
        stack.callback(ray.shutdown)
        try:
            ray.init(**options)
        except (ray.exceptions.RayError, ConnectionError, RuntimeError, ValueError) as error:
            msg = f"Ray does not begin: {error}"
            raise ConfigurationError(msg) from error
        _be_quiet(ray)
        signal.signal(signal.SIGTERM, _interrupt)
        yield


def _interrupt(_signal: int, _frame: object) -> None:
    """End as at Ctrl-C: Ray's own way prints where in it the signal came, and a status of its own."""
    raise KeyboardInterrupt


def _require_answer(cluster: str) -> None:
    """Check that somebody listens: Ray itself would try for many minutes."""
    at = urlsplit(cluster if "://" in cluster else f"//{cluster}")
    try:
        if at.hostname is not None and at.port is not None:
            socket.create_connection((at.hostname, at.port), timeout=_ANSWER_WITHIN_S).close()
    except (OSError, ValueError) as error:
        msg = f"no cluster answers at {cluster} (RAY_ADDRESS): {error}"
        raise ConfigurationError(msg) from None


def _be_quiet(ray: Any) -> None:
    """Leave telling to the batch, and go on when a photograph ends its worker."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.max_errored_blocks = -1
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
