"""TLS and mTLS with certificates made here."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
import trustme

from petrography.errors import ConfigurationError
from service.grpc_api.certificates import server_credentials
from service.proto import analysis_pb2 as messages
from service.proto.analysis_pb2_grpc import AnalysisServiceStub
from service.settings import Settings
from tests.grpc_service import PATIENCE_S, running_grpc
from tests.http_service import settings_for
from tests.tiny_model import write_model


def write_files(folder: Path, authority: trustme.CA) -> dict[str, Path]:
    """Certificate and key of a service at 127.0.0.1, and who signs for clients."""
    own = authority.issue_cert("127.0.0.1")
    files = {name: folder / f"{name}.pem" for name in ("grpc_certificate", "grpc_key", "ca")}
    files["grpc_certificate"].write_bytes(b"".join(pem.bytes() for pem in own.cert_chain_pems))
    files["grpc_key"].write_bytes(own.private_key_pem.bytes())
    authority.cert_pem.write_to_path(str(files["ca"]))
    return files


async def models_over(port: int, credentials: grpc.ChannelCredentials | None) -> int:
    """How many models a new client is told."""
    address = f"127.0.0.1:{port}"
    async with (
        grpc.aio.insecure_channel(address)
        if credentials is None
        else grpc.aio.secure_channel(address, credentials)
    ) as channel:
        stub = AnalysisServiceStub(channel)
        answer = await stub.ListModels(messages.ListModelsRequest(), timeout=PATIENCE_S)
        return len(answer.models)


@pytest.mark.anyio
async def test_only_clients_with_a_certificate_come_in_where_it_is_wanted(tmp_path: Path) -> None:
    write_model(tmp_path / "models")
    authority = trustme.CA()
    files = write_files(tmp_path, authority)
    client = authority.issue_cert("client@laboratory")
    stranger = trustme.CA().issue_cert("client@laboratory")
    root = authority.cert_pem.bytes()

    def credentials(of: trustme.LeafCert) -> grpc.ChannelCredentials:
        chain = b"".join(pem.bytes() for pem in of.cert_chain_pems)
        return grpc.ssl_channel_credentials(root, of.private_key_pem.bytes(), chain)

    settings = settings_for(
        tmp_path / "models",
        tmp_path / "artefacts",
        grpc_certificate=files["grpc_certificate"],
        grpc_key=files["grpc_key"],
    )
    async with running_grpc(settings) as service:
        assert await models_over(service.port, grpc.ssl_channel_credentials(root)) == 1
        for refused in (None, grpc.ssl_channel_credentials()):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await models_over(service.port, refused)
            assert raised.value.code() == grpc.StatusCode.UNAVAILABLE

    mutual = settings.model_copy(update={"grpc_client_ca": files["ca"]})
    async with running_grpc(mutual) as service:
        assert await models_over(service.port, credentials(client)) == 1
        for refused in (grpc.ssl_channel_credentials(root), credentials(stranger)):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await models_over(service.port, refused)
            assert raised.value.code() == grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"grpc_key": None}, "together"),
        ({"grpc_certificate": None}, "together"),
        ({"grpc_certificate": None, "grpc_key": None, "grpc_client_ca": "ca"}, "beside them"),
        ({"grpc_key": "nowhere"}, "No such file"),
        ({"grpc_key": "other"}, "KEY_VALUES_MISMATCH|key values mismatch"),
        ({"grpc_certificate": "broken"}, "PEM"),
        ({"grpc_client_ca": "broken"}, "certificate"),
    ],
)
def test_files_that_cannot_be_used_stop_the_start(
    changes: dict[str, str | None], words: str, tmp_path: Path
) -> None:
    files = write_files(tmp_path, trustme.CA())
    (tmp_path / "broken.pem").write_text("no certificate")
    other = trustme.CA().issue_cert("127.0.0.1").private_key_pem
    other.write_to_path(str(tmp_path / "other.pem"))
    named = {"grpc_certificate": files["grpc_certificate"], "grpc_key": files["grpc_key"]} | {
        setting: None if name is None else tmp_path / f"{name}.pem"
        for setting, name in changes.items()
    }

    settings = Settings.model_validate({**named, "grpc_port": 1})
    with pytest.raises(ConfigurationError, match=words):
        server_credentials(settings)


def test_nothing_is_encrypted_where_nothing_is_named(tmp_path: Path) -> None:
    assert server_credentials(Settings()) is None
