"""TLS as a client: the server's certificate and its host name are always checked."""

from __future__ import annotations

import ssl
from pathlib import Path


def tls_context(ca: Path | None, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """A context that trusts `ca`, or the system's authorities without one, and shows `certificate` if there is one.

    Raises:
        ValueError: a file cannot be read or used; the message names it and never says what is in it.
    """
    try:
        context = ssl.create_default_context(cafile=str(ca) if ca else None)
    except OSError as error:
        raise ValueError(f"no certificates in PEM form can be read from {ca}: {_why(error)}") from None
    if certificate and key:
        try:
            context.load_cert_chain(certificate, key, password=_refuse)
        except OSError as error:
            raise ValueError(f"{certificate} and {key} are no certificate and its key: {_why(error)}") from None
    return context


def _why(error: OSError) -> str:
    return str(getattr(error, "reason", None) or error.strerror)


def _refuse() -> str:
    # Without this, OpenSSL would ask at the terminal and a service would wait for ever.
    raise ValueError("the private key is encrypted; give one that is not, in a file that only the worker may read")
