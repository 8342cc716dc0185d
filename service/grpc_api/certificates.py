"""TLS and mTLS: certificates from files."""

from __future__ import annotations

import ssl
from pathlib import Path

import grpc

from petrography.errors import ConfigurationError
from service.settings import Settings

__all__ = ["server_credentials"]


def server_credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """Read what the settings name; None where nothing is encrypted.

    Parameters
    ----------
    settings : Settings
        Certificate, key, and the certificates of those who sign for clients.

    Raises
    ------
    ConfigurationError
        If a file cannot be read or used, or one is named without the others that it needs.
    """
    certificate, key, client_ca = (
        settings.grpc_certificate,
        settings.grpc_key,
        settings.grpc_client_ca,
    )
    if certificate is None or key is None:
        if (certificate, key, client_ca) != (None, None, None):
            msg = (
                "gRPC cannot be encrypted: wanted PETROSERVE_GRPC_CERTIFICATE and "
                "PETROSERVE_GRPC_KEY together, and PETROSERVE_GRPC_CLIENT_CA only beside them"
            )
            raise ConfigurationError(msg)
        return None
    _require_usable(certificate, key, client_ca)
    return grpc.ssl_server_credentials(
        [(key.read_bytes(), certificate.read_bytes())],
        root_certificates=None if client_ca is None else client_ca.read_bytes(),
        require_client_auth=client_ca is not None,
    )


def _require_usable(certificate: Path, key: Path, client_ca: Path | None) -> None:
    """Let OpenSSL read the files: gRPC would find out only when clients come."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # An encrypted key would ask for its password on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: "")
        if client_ca is not None:
            context.load_verify_locations(client_ca)
    except (OSError, ValueError) as error:
        names = ", ".join(str(path) for path in (certificate, key, client_ca) if path is not None)
        msg = f"gRPC cannot be encrypted with {names}: {error}"
        raise ConfigurationError(msg) from None
