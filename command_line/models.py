"""Say what the models folder holds and whether it is sound; sign what is in it."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.exit_status import DONE, FAILED_VERIFICATION, complain
from command_line.files import AddCommand
from command_line.settings import add_models_folder, settings_of
from petrography.errors import ConfigurationError, ModelCardError

if TYPE_CHECKING:
    from petrography.model_card import ModelCard

__all__ = ["add_commands", "list_models", "make_key_pair", "sign_models", "verify_models"]

_MEBIBYTE = 1024**2


def add_commands(add_command: AddCommand) -> None:
    """Describe the commands; they stand below ``models``."""
    listed = "names, versions, precision, size, time, signatures and classes, from the cards"
    add_models_folder(add_command("list", list_models, listed))
    verify = add_command(
        "verify", verify_models, "check signatures, digests and graphs, and run every model once"
    )
    add_models_folder(verify)
    verify.add_argument(
        "--public-key",
        type=Path,
        metavar="FILE",
        help="every model must be signed with this key of minisign (default: the setting)",
    )
    sign = add_command("sign", sign_models, "sign graph and card, in the format of minisign")
    sign.add_argument("models_named", nargs="+", metavar="NAME:VERSION")
    sign.add_argument("--key", type=Path, required=True, metavar="FILE", help="secret key")
    add_models_folder(sign)
    keygen = add_command("keygen", make_key_pair, "make a pair of keys that minisign can use too")
    keygen.add_argument("--out", type=Path, required=True, metavar="DIR")
    keygen.add_argument(
        "--no-password", action="store_true", help="whoever has the secret key file can sign"
    )


def list_models(arguments: argparse.Namespace) -> int:
    """Print one line a model."""
    from petrography.minerals import mineral
    from service.repository import read_cards
    from service.signed_files import signers

    for folder, card in read_cards(settings_of(arguments).served_models_folder):
        claimed = ",".join(sorted(signers(folder)))
        columns = (
            card.full_name,
            _precision(card),
            f"{(folder / 'model.onnx').stat().st_size / _MEBIBYTE:.1f} MiB",
            _tile_time(card),
            f"signed by {claimed}, not verified" if claimed else "unsigned",
            card.architecture,
            ",".join(mineral(code).symbol for code in card.classes),
            card.description,
        )
        print("\t".join(columns))
    return DONE


def _precision(card: ModelCard) -> str:
    if card.derived_from is None:
        return card.precision
    return f"{card.precision} of version {card.derived_from.version}"


def _tile_time(card: ModelCard) -> str:
    """Time of a tile on the machine that made the version."""
    return (
        ", ".join(
            f"{one.median_ms:.0f} ms/{one.tile_px} px ({one.provider}, threads {one.threads})"
            for one in card.timings
        )
        or "not timed"
    )


def verify_models(arguments: argparse.Namespace) -> int:
    """Open and run every model."""
    from service.repository import open_repository

    settings = settings_of(arguments, models_public_key=arguments.public_key)
    signed = "not asked for" if settings.models_public_key is None else "good"
    try:
        for model in open_repository(settings):
            seconds = model.warm_up()
            card = model.card
            columns = (card.full_name, "good", card.onnx_sha256, f"{seconds:.2f} s")
            print("\t".join((*columns, _precision(card), f"signature {signed}")))
    except ModelCardError as error:
        return complain(str(error), FAILED_VERIFICATION)
    return DONE


def sign_models(arguments: argparse.Namespace) -> int:
    """Sign versions of the models folder."""
    from export.signing import ask_password, read_secret_key, sign_model

    models = settings_of(arguments).models_folder
    folders = [_version_folder(models, name) for name in arguments.models_named]
    key = read_secret_key(arguments.key, password=ask_password)
    for folder in folders:
        for path in sign_model(folder, key, signed_utc_s=int(time.time())):
            print(path)
    return DONE


def _version_folder(models: Path, named: str) -> Path:
    """Folder of a version; what is signed is named exactly."""
    name, _, version = named.partition(":")
    folder = models / name / version
    if not (name and version.isdigit() and folder.is_dir()) or "/" in named:
        msg = f"{models} holds no model {named[:80]!r}; wanted NAME:VERSION, such as tiny:1"
        raise ConfigurationError(msg)
    return folder


def make_key_pair(arguments: argparse.Namespace) -> int:
    """Write a new pair of keys."""
    from export.signing import write_key_pair

    password = "" if arguments.no_password else _new_password()
    for path in write_key_pair(arguments.out, password=password):
        print(path)
    return DONE


def _new_password() -> str:
    from export.signing import ask_password

    password = ask_password()
    if not password:
        msg = "the password is empty; state one, or --no-password for a key without"
        raise ConfigurationError(msg)
    if sys.stdin.isatty() and ask_password("Password again: ") != password:
        msg = "the passwords differ; no key was made"
        raise ConfigurationError(msg)
    return password
