"""Certificates, and who logs in to a secured broker how."""

from __future__ import annotations

import secrets
import ssl
from pathlib import Path
from typing import Any, NamedTuple

import trustme
from cryptography.hazmat.primitives import serialization

NAME = "localhost"


def secret() -> str:
    """A password that stands in no text by chance."""
    return f"pw-{secrets.token_hex(12)}"


class Certificates:
    """An authority of the test's own and what it signs, as PEM files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._authority = trustme.CA()
        self.ca = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(self.ca)
        # Somebody else's authority.
        self.stranger = folder / "stranger.pem"
        trustme.CA().cert_pem.write_to_path(self.stranger)

    def server(self, name: str) -> Path:
        """Key and certificate of a server of that host name, in one file."""
        leaf = self._authority.issue_cert(name, common_name="broker")
        return self._write(f"server-{name}.pem", leaf)

    def client(self, party: str) -> tuple[Path, Path]:
        """Certificate and key of a client."""
        leaf = self._authority.issue_cert(f"{party}.example", common_name=party)
        both = self._write(f"client-{party}.pem", leaf)
        return both, both

    def _write(self, name: str, leaf: trustme.LeafCert) -> Path:
        path = self.folder / name
        key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None)
        # Java reads no other form.
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.write_bytes(key.private_bytes(*form) + b"".join(cert.bytes() for cert in leaf.cert_chain_pems))
        return path


class Cluster(NamedTuple):
    """A secured broker: its listeners as host:port, and everyone's password."""

    certificates: Certificates
    passwords: dict[str, str]
    sasl: str
    mutual: str
    misnamed: str

    def login(self, party: str, **other: str) -> dict[str, str]:
        """The SLUICEGATE_ variables of a party that logs in with a password."""
        return {
            "SLUICEGATE_KAFKA": self.sasl,
            "SLUICEGATE_KAFKA_PROTOCOL": "SASL_SSL",
            "SLUICEGATE_KAFKA_CA": str(self.certificates.ca),
            "SLUICEGATE_KAFKA_USER": party,
            "SLUICEGATE_KAFKA_PASSWORD": self.passwords[party],
            **other,
        }

    def certified(self, party: str, **other: str) -> dict[str, str]:
        """The SLUICEGATE_ variables of a party that shows a certificate."""
        certificate, key = self.certificates.client(party)
        return {
            "SLUICEGATE_KAFKA": self.mutual,
            "SLUICEGATE_KAFKA_PROTOCOL": "SSL",
            "SLUICEGATE_KAFKA_CA": str(self.certificates.ca),
            "SLUICEGATE_KAFKA_CERT": str(certificate),
            "SLUICEGATE_KAFKA_KEY": str(key),
            **other,
        }

    def arguments(self, party: str) -> dict[str, Any]:
        """Keyword arguments of aiokafka's and kafka-python's clients."""
        return {
            "bootstrap_servers": self.sasl,
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": party,
            "sasl_plain_password": self.passwords[party],
            "ssl_context": ssl.create_default_context(cafile=str(self.certificates.ca)),
        }
