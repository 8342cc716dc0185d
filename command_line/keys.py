"""Make, list and revoke the API keys of the service, and make secrets that sign its callbacks."""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.audit import put_on_record
from command_line.exit_status import DONE
from command_line.files import AddCommand
from petrography.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import JsonValue

    from service.access import ApiKey

__all__ = ["add_commands", "create", "list_keys", "revoke", "webhook_secret"]


def add_commands(add_command: AddCommand) -> None:
    """Describe the commands; they stand below ``keys``."""
    made = add_command("create", create, "make a key and print it once; it is kept nowhere")
    made.add_argument("--tenant", required=True, help="for whom: laboratory, mine, customer")
    made.add_argument(
        "--scope",
        action="append",
        dest="scopes",
        metavar="read|analyse",
        help="what it allows; repeat for several (default: all)",
    )
    made.add_argument("--expires-days", type=float, metavar="N", help="default: never")
    made.add_argument("--requests-per-minute", type=int, metavar="N", help="default: no limit")
    made.add_argument("--note", default="", help="for people: who has it, and what for")
    listed = add_command("list", list_keys, "ids, tenants, scopes and ends; never a key")
    revoked = add_command("revoke", revoke, "end a key; a running service notices by itself")
    revoked.add_argument("key_id", metavar="ID")
    for parser in (made, listed, revoked):
        parser.add_argument(
            "--keys-file",
            type=Path,
            metavar="FILE",
            help="default: the setting PETROSERVE_API_KEYS; `create` makes it where it is not there",
        )
    add_command(
        "webhook-secret", webhook_secret, "make a secret that signs callbacks, and print it"
    )


def create(arguments: argparse.Namespace) -> int:
    """Make a key."""
    from service.access import SCOPES, create_key, empty_key_file, read_key_file, write_key_file

    path, now, days = _key_file(arguments), dt.datetime.now(dt.UTC), arguments.expires_days
    if days is not None and not 0.0 < days < 36_525.0:
        msg = f"--expires-days is {days}; wanted days from now, above 0 and below a century"
        raise ConfigurationError(msg)
    content, key = create_key(
        read_key_file(path) if path.exists() else empty_key_file(),
        tenant=arguments.tenant,
        scopes=arguments.scopes or SCOPES,
        now=now,
        expires_utc=None if days is None else now + dt.timedelta(days=days),
        requests_per_minute=arguments.requests_per_minute,
        note=arguments.note,
    )
    made = content.keys[-1]
    terms: dict[str, JsonValue] = {"tenant": made.tenant, "scopes": list(made.scopes)}
    put_on_record("key.created", made.id, terms)
    write_key_file(path, content)
    print(key)
    return DONE


def list_keys(arguments: argparse.Namespace) -> int:
    """Print one line a key."""
    from service.access import read_key_file

    now = dt.datetime.now(dt.UTC)
    for key in read_key_file(_key_file(arguments)).keys:
        print("\t".join((key.id, key.tenant, ",".join(key.scopes), *_terms(key, now), key.note)))
    return DONE


def _terms(key: ApiKey, now: dt.datetime) -> tuple[str, str]:
    rate = "" if key.requests_per_minute is None else f"{key.requests_per_minute} a minute"
    until = "good" if key.expires_utc is None else f"good until {key.expires_utc:%Y-%m-%d %H:%M}Z"
    return rate, key.ended(now) or until


def revoke(arguments: argparse.Namespace) -> int:
    """End a key."""
    from service.access import read_key_file, revoke_key, write_key_file

    path = _key_file(arguments)
    content = revoke_key(read_key_file(path), arguments.key_id, now=dt.datetime.now(dt.UTC))
    put_on_record("key.revoked", arguments.key_id, {})
    write_key_file(path, content)
    return DONE


def webhook_secret(_: argparse.Namespace) -> int:
    """Make a secret, a line of the file that PETROSERVE_WEBHOOK_SECRETS_FILE names."""
    from service.webhooks import new_secret

    print(new_secret())
    return DONE


def _key_file(arguments: argparse.Namespace) -> Path:
    from service.settings import read_settings

    path: Path | None = arguments.keys_file or read_settings().api_keys
    if path is None:
        msg = "no key file is named; wanted --keys-file FILE or the setting PETROSERVE_API_KEYS"
        raise ConfigurationError(msg)
    return path
