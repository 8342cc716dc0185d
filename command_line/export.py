"""Make served models: of a checkpoint, and of a served model in lower precision."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.exit_status import DONE
from command_line.files import AddCommand

if TYPE_CHECKING:
    from petrography.minisign import SecretKey

__all__ = ["add_commands", "export", "export_variant"]


def add_commands(add_command: AddCommand) -> None:
    """Describe the commands."""
    exported = add_command("export", export, "a checkpoint to a served model (extra train)")
    exported.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    exported.add_argument("models", type=Path, metavar="MODELS", help="the models folder")
    exported.add_argument("--data", type=Path, help="where the training data lie now, if elsewhere")
    exported.add_argument(
        "--tile-px", type=int, help="side of the tiles in service (default: chosen by the network)"
    )
    exported.add_argument(
        "--judged-by",
        type=Path,
        metavar="FOLDER",
        help="for a run on all images: MODELS/NAME/VERSION of one without the validation images",
    )
    exported.add_argument(
        "--guided-filter",
        action="store_true",
        help="draw the borders of a network that was trained without, where the colours change",
    )
    _add_publication(exported)
    _describe_variant(
        add_command("export-variant", export_variant, "a served model in lower precision (train)")
    )


def _add_publication(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--version", type=int, help="default: one above the highest that exists")
    parser.add_argument(
        "--sign", type=Path, metavar="KEY", help="secret key of minisign to sign the version with"
    )


def _describe_variant(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="NAME[:VERSION]", help="the float32 version")
    parser.add_argument("--precision", choices=("float16", "int8"), required=True)
    parser.add_argument(
        "--data", type=Path, help="where the images of its training lie, if they are photographs"
    )
    parser.add_argument("--models", type=Path, metavar="DIR", default=Path("models"))
    parser.add_argument(
        "--publish-anyway",
        action="store_true",
        help="even where it agrees too seldom with float32; the card says so",
    )
    _add_publication(parser)


def export(arguments: argparse.Namespace) -> int:
    """Turn a checkpoint into a served model, and print its folder."""
    from export.checkpoint_export import export_checkpoint

    folder = export_checkpoint(
        arguments.checkpoint,
        arguments.models,
        data_root=arguments.data,
        version=arguments.version,
        tile_px=arguments.tile_px,
        judge=arguments.judged_by,
        key=_signing_key(arguments.sign),
        guided_filter=arguments.guided_filter,
    )
    print(folder)
    return DONE


def export_variant(arguments: argparse.Namespace) -> int:
    """Make a served model in lower precision, and print how it compares."""
    from export.judging import find_model, verified_model
    from export.variant_table import variant_table
    from export.variants import VariantOptions
    from export.variants import export_variant as export_in_precision

    folder = export_in_precision(
        find_model(arguments.models, arguments.model),
        arguments.precision,
        data_root=arguments.data,
        options=VariantOptions(
            version=arguments.version,
            publish_anyway=arguments.publish_anyway,
            key=_signing_key(arguments.sign),
        ),
    )
    print(folder)
    print(variant_table(verified_model(folder)[0]))
    return DONE


def _signing_key(path: Path | None) -> SecretKey | None:
    """Read the key before the work begins, and ask for its password now."""
    if path is None:
        return None
    from export.signing import ask_password, read_secret_key

    return read_secret_key(path, password=ask_password)
