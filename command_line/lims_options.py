"""What the commands below ``lims`` share: the site and its account, results, profiles."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.files import read_stored_result
from petrography.errors import InvalidParameterError, MissingPartError

if TYPE_CHECKING:
    from petrography.report import Result
    from service.lims import LimsProfile, Reportable, SenaiteClient

__all__ = [
    "add_results",
    "add_site",
    "read_profile",
    "read_reportables",
    "read_result",
    "signed_in",
]


def add_site(parser: argparse.ArgumentParser) -> None:
    """Describe where SENAITE is and who signs in."""
    parser.add_argument("--url", help="of the site, such as https://host/senaite (or the setting)")
    parser.add_argument("--user", help="account with the role Analyst (or the setting)")
    parser.add_argument(
        "--password-file", type=Path, metavar="FILE", help="holds its password (or the setting)"
    )


def add_results(parser: argparse.ArgumentParser) -> None:
    """Describe results, and how the laboratory names and joins them."""
    parser.add_argument("results", nargs="+", type=Path, metavar="RESULT.json")
    parser.add_argument(
        "--profile", type=Path, metavar="FILE.toml", help="names and digits of the laboratory"
    )
    parser.add_argument("--sample-id", help="for one result whose analysis was told no sample")
    parser.add_argument(
        "--join",
        action="store_true",
        help="several results of one sample are its fields: reported as one, with the interval of "
        "the scatter between them",
    )


def read_reportables(arguments: argparse.Namespace) -> list[tuple[Path, Reportable]]:
    """Read the results of a command, joined by sample where that is asked for.

    Returns
    -------
    list of (Path, Result or FieldsOfSample)
        With the file, of several the first.

    Raises
    ------
    InvalidParameterError
        As for `read_result`, or where fields cannot be joined.
    """
    from service.lims import by_sample

    read = [(path, read_result(path, arguments)) for path in arguments.results]
    if not arguments.join:
        return list(read)
    first = {result.sample.id: path for path, result in reversed(read)}
    joined = by_sample(result for _, result in read)
    return [(first[one.sample.id], one) for one in joined]


def signed_in(arguments: argparse.Namespace) -> SenaiteClient:
    """Give a client of the site that arguments or settings name.

    Raises
    ------
    MissingPartError
        If address, user or password is stated nowhere.
    """
    from service.lims import SenaiteClient
    from service.settings import read_settings

    settings = read_settings(
        lims_url=arguments.url,
        lims_user=arguments.user,
        lims_password_file=arguments.password_file,
    )
    if not (settings.lims_url and settings.lims_user and settings.lims_password_file):
        msg = (
            "no LIMS is named; state --url, --user and --password-file, or PETROSERVE_LIMS_URL, "
            "PETROSERVE_LIMS_USER and PETROSERVE_LIMS_PASSWORD_FILE"
        )
        raise MissingPartError(msg)
    password = settings.lims_password_file.read_text(encoding="utf-8").rstrip("\r\n")
    return SenaiteClient(settings.lims_url, user=settings.lims_user, password=password)


def read_result(path: Path, arguments: argparse.Namespace) -> Result:
    """Read a result.json; ``--sample-id`` names the sample of one that has none.

    Raises
    ------
    InvalidParameterError
        If the file is no result, or a sample is named for several results, or another one.
    """
    result = read_stored_result(path)
    stated: str | None = arguments.sample_id
    if stated is None:
        return result
    is_one = len(arguments.results) == 1 or arguments.join
    if not is_one or result.sample.id not in {None, stated}:
        msg = (
            f"--sample-id {stated} is for one result without a sample, or for fields of one "
            f"sample with --join; {path} is of {result.sample.id or 'one of several'}"
        )
        raise InvalidParameterError(msg)
    named = result.model_dump() | {"sample": result.sample.model_dump() | {"id": stated}}
    return type(result).model_validate(named)


def read_profile(path: Path | None) -> LimsProfile:
    """Read how the laboratory names things; without a file the standard names.

    Raises
    ------
    InvalidParameterError
        If the file is no profile.
    """
    from service.lims import STANDARD, parse_profile

    if path is None:
        return STANDARD
    return parse_profile(path.read_text(encoding="utf-8"), source=str(path))
