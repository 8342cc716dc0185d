"""Serve over HTTP and gRPC."""

from __future__ import annotations

import argparse

from command_line.exit_status import DONE
from command_line.files import AddCommand
from command_line.settings import add_models_folder, settings_of

__all__ = ["add_commands", "serve"]


def add_commands(add_command: AddCommand) -> None:
    """Describe the command."""
    _describe_serve(
        add_command(
            "serve", serve, "the service over HTTP and gRPC; more settings: docs/settings.md"
        )
    )


def _describe_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to listen on (default: the setting, 127.0.0.1)")
    parser.add_argument("--http-port", type=int, help="port of HTTP (default: the setting, 3000)")
    parser.add_argument(
        "--grpc-port", type=int, help="port of gRPC, 0 for none (default: the setting, 3001)"
    )
    add_models_folder(parser)


def serve(arguments: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from service.bento import serve as serve_until_stopped

    settings = settings_of(
        arguments,
        host=arguments.host,
        http_port=arguments.http_port,
        grpc_port=arguments.grpc_port,
    )
    serve_until_stopped(settings)
    return DONE
