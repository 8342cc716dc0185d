from __future__ import annotations

import re
from http import HTTPStatus

import pytest

from petrography import errors
from service.status import STATUS_TABLE, status_of

ERROR_CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, errors.PetroserveError)
]


def test_there_are_error_classes() -> None:
    assert len(ERROR_CLASSES) >= 18


@pytest.mark.parametrize("error_class", ERROR_CLASSES)
def test_every_error_class_has_a_row(error_class: type[errors.PetroserveError]) -> None:
    status = STATUS_TABLE[error_class]

    assert HTTPStatus(status.http) >= HTTPStatus.BAD_REQUEST
    assert re.fullmatch(r"urn:petroserve:problem:[a-z]+(-[a-z]+)*", status.type_uri)


@pytest.mark.parametrize("error_class", ERROR_CLASSES)
def test_what_the_caller_can_mend_is_a_4xx_and_says_how(
    error_class: type[errors.PetroserveError],
) -> None:
    status = STATUS_TABLE[error_class]
    mendable = issubclass(
        error_class, (errors.InputError, errors.AccessError, errors.OverloadedError)
    )

    assert (400 <= status.http < 500) == mendable
    assert status.public or not mendable
    if issubclass(error_class, errors.InputError):
        assert status.grpc in {
            "INVALID_ARGUMENT",
            "NOT_FOUND",
            "ALREADY_EXISTS",
            "FAILED_PRECONDITION",
        }


def test_different_problems_have_different_types() -> None:
    public = [status for status in STATUS_TABLE.values() if status.public]

    assert len({status.type_uri for status in public}) == len(public)


def test_a_new_class_gets_the_row_of_its_nearest_ancestor() -> None:
    class BlurredImageError(errors.DamagedImageError):
        """Not in the table."""

    assert status_of(BlurredImageError()) == STATUS_TABLE[errors.DamagedImageError]


@pytest.mark.parametrize("error", [ZeroDivisionError(), MemoryError(), OSError(28, "disk full")])
def test_what_nobody_raised_on_purpose_is_internal(error: Exception) -> None:
    status = status_of(error)

    assert (status.http, status.grpc, status.public) == (500, "INTERNAL", False)
