"""A laboratory with two samples, behind the interface of SENAITE, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.lims import SenaiteClient
from tests.lims.senaite_sending import SERVICES, signed_in
from tests.lims.senaite_stand_in import Laboratory, running


@pytest.fixture
def laboratory() -> Laboratory:
    held = Laboratory()
    held.add_sample("SEC-0001", *SERVICES, client_id="NORTH 7")
    held.add_sample("SEC-0002", "MOD_CCP:%")
    return held


@pytest.fixture
def address(laboratory: Laboratory) -> Iterator[str]:
    with running(laboratory) as site:
        yield site


@pytest.fixture
def pauses_s() -> list[float]:
    return []


@pytest.fixture
def client(address: str, pauses_s: list[float]) -> Iterator[SenaiteClient]:
    with signed_in(address, pauses_s) as one:
        yield one
