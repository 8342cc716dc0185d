"""The one command line of Petroserve; it joins the sub-commands of `command_line`.

An extra that is not installed is named. Exit status: 0 done, 1 something was checked and is not
right (a model, a replay, the audit log, a file or an import of the laboratory's system, a
photograph of a batch), 2 the input, the settings or the installation is at fault (one line on stderr
says how), 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from command_line import (
    analyse,
    audit,
    batch,
    calibrate,
    evaluate,
    export,
    jobs,
    judge,
    keys,
    lims,
    measure,
    models,
    phantom,
    register,
    replay,
    report,
    serve,
    several_fields,
    stitch,
    train,
)
from command_line.exit_status import INTERRUPTED, complain
from command_line.files import Command, adding_to
from petrography.errors import ConfigurationError, PetroserveError
from petrography.version import installed_version

__all__ = ["main"]

# Modules of commands without further tasks, in the order of the help.
COMMANDS = (
    analyse,
    batch,
    serve,
    phantom,
    register,
    stitch,
    measure,
    several_fields,
    evaluate,
    report,
    replay,
    train,
    judge,
    export,
)
# Commands of several tasks: name, module, tasks, help.
GROUPS = (
    (
        "calibrate",
        calibrate,
        "fit|apply|reference|flatfield|lens",
        "colours, shading and distortion of a microscope",
    ),
    (
        "lims",
        lims,
        "export|check|review|worklist|send|push|imports|watch",
        "results into the information system of a laboratory",
    ),
    ("models", models, "list|verify|sign|keygen", "what the models folder holds"),
    (
        "jobs",
        jobs,
        "list|retry|purge|callbacks|redeliver",
        "analyses that go on without their client",
    ),
    ("keys", keys, "create|list|revoke|webhook-secret", "API keys and secrets of the service"),
    ("audit", audit, "verify|show|head", "the audit log of the service"),
)

# Extras to name, with the modules whose absence means that they were not installed.
EXTRAS = {
    "cpu": {"onnxruntime"},
    "cpu,batch": {"pandas", "ray"},
    "cpu,train": {"onnx", "onnxscript", "segmentation_models_pytorch", "tensorboard", "torch"},
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after the program's name; those of the process when omitted.

    Returns
    -------
    int
        The exit status.
    """
    parsed = build_parser().parse_args(arguments)
    run: Command = parsed.run
    try:
        with _extras_named():
            return run(parsed)
    except PetroserveError as error:
        return complain(str(error))
    except OSError as error:
        return complain(f"{error.filename or 'file'}: {error.strerror or error}")
    except MemoryError as error:
        return complain(f"not enough memory: {str(error) or 'use smaller images'}")
    except KeyboardInterrupt:
        return INTERRUPTED


@contextmanager
def _extras_named() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        for extras, modules in EXTRAS.items():
            if missing in modules:
                # From the checkout: one of this name on an index would be of somebody else.
                msg = (
                    f"{missing} is not installed; in the checkout of Petroserve: "
                    f"pip install -c constraints.txt '.[{extras}]' (for CUDA gpu instead of cpu)"
                )
                raise ConfigurationError(msg) from None
        raise


def build_parser() -> argparse.ArgumentParser:
    """Describe all commands."""
    parser = argparse.ArgumentParser(
        prog="petroserve", description="Microscope images of ore in, mineralogy out."
    )
    parser.add_argument("--version", action="version", version=installed_version())
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    for module in COMMANDS:
        module.add_commands(adding_to(commands))
    for name, module, tasks, what in GROUPS:
        group = commands.add_parser(name, help=what, description=what)
        module.add_commands(adding_to(group.add_subparsers(required=True, metavar=tasks)))
    return parser


if __name__ == "__main__":
    sys.exit(main())
